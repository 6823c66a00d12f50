/**
 * JSON-RPC 2.0 over lines, both directions: framing, pending calls, deadlines.
 * Knows no process and no method of ours; bytes come in by `receive`, lines go out by `write`.
 */
import { parsed } from "./plain.ts"
import { ErrorCode, MAX_LINE_BYTES, type Methods } from "./protocol.gen.ts"

const NO_JSON = "\0"

type WithResult = { result: object }
export type RequestMethod = {
  [M in keyof Methods]: Methods[M] extends WithResult ? M : never
}[keyof Methods]
export type NotificationMethod = Exclude<keyof Methods, RequestMethod>

type RpcError = { code: number; message: string }
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
export async function within<T>(
  clock: Clock,
  promise: Promise<T>,
  ms: number,
  signal?: AbortSignal,
): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>()
  const giveUp = () => resolve(undefined)
  const stop = clock.after(ms, giveUp)
  signal?.addEventListener("abort", giveUp)
  if (signal?.aborted) giveUp()
  try {
    return await Promise.race([over, promise])
  } finally {
    stop()
    signal?.removeEventListener("abort", giveUp)
  }
}

/** Cuts bytes into lines. One over the limit is dropped, but for an end that is no JSON. */
export class LineBuffer {
  #decoder = new TextDecoder()
  #rest = ""

  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n")
    this.#rest = lines.pop() ?? ""
    if (this.#rest.length > MAX_LINE_BYTES) this.#rest = NO_JSON
    return lines
  }
}

type PeerEvents = {
  /** Any answer to a call of ours, however late. */
  answered(): void
  notified(method: string, params: unknown): void
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
    const message = parsed(line)
    if (message.jsonrpc !== "2.0") return false
    const { id, method, params } = message
    if (typeof method !== "string") return this.#settle(message)
    if (typeof id === "number" || typeof id === "string") this.#refuse(id, method)
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

  /** The sidecar has notifications for us, and no question yet. */
  #refuse(id: number | string, method: string) {
    const message = `unknown method: ${method}`
    this.#send({ id, error: { code: ErrorCode.METHOD_NOT_FOUND, message } })
  }
}

function isRpcError(value: unknown): value is RpcError {
  const { code, message } = Object(value)
  return typeof code === "number" && typeof message === "string"
}

/** JSON whose strings are well-formed: a lone surrogate, which JSON can escape, is a decoding error over there. */
function encode(message: object): string {
  const json = JSON.stringify(message)
  if (!/\\ud[89a-f]/.test(json)) return json
  return JSON.stringify(message, (_, value) => (typeof value === "string" ? value.toWellFormed() : value))
}
