/**
 * JSON-RPC 2.0 over lines, both directions: framing, pending calls, deadlines.
 * Knows no process and no method of ours; bytes come in by `receive`, lines go out by `write`.
 */
import type { Methods } from "./protocol.gen.ts"

const MAX_LINE_BYTES = 4 * 1024 * 1024
const METHOD_NOT_FOUND = -32601

type WithResult = { result: object }
export type RequestMethod = {
  [M in keyof Methods]: Methods[M] extends WithResult ? M : never
}[keyof Methods]
export type NotificationMethod = Exclude<keyof Methods, RequestMethod>

export type RpcError = { code: number; message: string }
/** What came back. The result's shape is the peer's claim: whoever uses it checks it. */
export type Reply = { result: unknown; error?: never } | { error: RpcError; result?: never }
export type Call = { id: number; reply: Promise<Reply | undefined> }

export type Clock = { now(): number; after(ms: number, fn: () => void): () => void }

/** Time as this process lives it. A timer looks at the event loop once more before it fires: perhaps it was us who slept. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn) {
    let over = false
    const timer = setTimeout(() => setImmediate(() => over || fn()), ms)
    timer.unref()
    return () => {
      over = true
      clearTimeout(timer)
    }
  },
}

/** The promise's value, or `undefined` at the deadline or the abort, whichever is first. */
export function within<T>(
  clock: Clock,
  promise: Promise<T>,
  ms: number,
  signal?: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const settle = (value?: T) => {
      stop()
      signal?.removeEventListener("abort", giveUp)
      resolve(value)
    }
    const giveUp = () => settle()
    const stop = clock.after(ms, giveUp)
    signal?.addEventListener("abort", giveUp)
    if (signal?.aborted) giveUp()
    promise.then(settle, giveUp)
  })
}

/** Cuts bytes into lines; a line over the limit is drained and delivered empty. */
export class LineBuffer {
  #parts: Uint8Array[] = []
  #bytes = 0
  #draining = false

  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end))
      lines.push(this.#draining ? "" : Buffer.concat(this.#parts).toString("utf8"))
      this.#drop(false)
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  #keep(part: Uint8Array) {
    this.#bytes += part.length
    if (this.#bytes > MAX_LINE_BYTES) this.#drop(true)
    else if (part.length > 0) this.#parts.push(part)
  }

  #drop(draining: boolean) {
    this.#parts = []
    this.#bytes = draining ? MAX_LINE_BYTES + 1 : 0
    this.#draining = draining
  }
}

export type PeerEvents = {
  /** Any answer to a call of ours, however late. */
  answered(): void
  notified(method: string, params: unknown): void
  /** Returns the result, or nothing for a method that isn't known. */
  asked(method: string): object | undefined
  /** A line that answers nothing that anybody waits for, sense or not. A flood of them would keep us busy. */
  noise(): void
}

export class Peer {
  #lines = new LineBuffer()
  #pending = new Map<number, (reply: Reply | undefined) => void>()
  #lastId = 0
  #closed = false
  readonly #write: (line: string) => boolean
  readonly #events: PeerEvents

  /** `write` says whether it took the line. */
  constructor(write: (line: string) => boolean, events: PeerEvents) {
    this.#write = write
    this.#events = events
  }

  call<M extends RequestMethod>(method: M, params: Methods[M]["params"]): Call {
    const id = ++this.#lastId
    const reply = new Promise<Reply | undefined>((resolve) => {
      if (this.#send({ id, method, params })) this.#pending.set(id, resolve)
      else resolve(undefined)
    })
    return { id, reply }
  }

  notify<M extends NotificationMethod>(method: M, params: Methods[M]["params"]) {
    this.#send({ method, params })
  }

  /** The caller no longer waits; an answer that comes all the same only proves that the other side lives. */
  cancel(id: number) {
    if (this.#pending.delete(id)) this.notify("$/cancelRequest", { id })
  }

  receive(chunk: Uint8Array) {
    for (const line of this.#lines.push(chunk)) {
      if (this.#closed) return
      if (!this.#handle(line)) this.#events.noise()
    }
  }

  /** Everything still waiting learns that no answer will come. */
  close() {
    this.#closed = true
    for (const settle of this.#pending.values()) settle(undefined)
    this.#pending.clear()
  }

  #send(message: { id?: unknown; [field: string]: unknown }): boolean {
    if (this.#closed) return false
    const line = `${encode({ jsonrpc: "2.0", ...message })}\n`
    return Buffer.byteLength(line) <= MAX_LINE_BYTES && this.#write(line)
  }

  /** Whether somebody waited for this line. */
  #handle(line: string): boolean {
    const message = parse(line)
    if (message?.jsonrpc !== "2.0") return false
    const { id, method, params } = message
    if (typeof method !== "string") return this.#settle(message)
    if (typeof id === "number" || typeof id === "string") this.#answer(id, method)
    else this.#events.notified(method, params)
    return false
  }

  #settle({ id, result, error }: Record<string, unknown>): boolean {
    const reply = isRpcError(error) ? { error } : result === undefined ? undefined : { result }
    if (!reply || typeof id !== "number" || id < 1 || id > this.#lastId) return false
    this.#events.answered()
    this.#pending.get(id)?.(reply)
    return this.#pending.delete(id)
  }

  #answer(id: number | string, method: string) {
    const result = this.#events.asked(method)
    if (result) this.#send({ id, result })
    else this.#send({ id, error: { code: METHOD_NOT_FOUND, message: `unknown method: ${method}` } })
  }
}

function isRpcError(value: unknown): value is RpcError {
  const { code, message } = Object(value)
  return typeof code === "number" && typeof message === "string"
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(line)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** JSON whose strings are well-formed: a lone surrogate, which JSON can escape, is a decoding error over there. */
function encode(message: object): string {
  const json = JSON.stringify(message)
  if (!/\\ud[89a-f]/.test(json)) return json
  return JSON.stringify(message, (_, value) => (typeof value === "string" ? value.toWellFormed() : value))
}
