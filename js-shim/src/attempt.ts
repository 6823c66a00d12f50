/**
 * One request to one target, until it is known whether the host can have the answer: sent, then looked at as far as
 * an error may stand in the answer's place. What comes is kept as it is, for the host or for whoever gives up.
 */
import { HeldBody } from "./held-body.ts"
import { isErrorBody, Preamble } from "./preamble.ts"
import type { RequestFailedParams, Target } from "./protocol.gen.ts"
import type { Wire } from "./replies.ts"
import { type Clock, within } from "./rpc.ts"

const MAX_TEXT = 64 * 1024
const REFUSAL_MS = 1_000
/** What opens a stream of responses repeats instructions and tools. */
const MAX_PREAMBLE_BYTES = 256 * 1024
const PREAMBLE_MS = 5_000
const ENDED_EARLY = { errorName: "PrematureEnd", errorMessage: "premature end of the stream" }

export type Call = { target: Target; url: string; send(signal?: AbortSignal): Promise<Response> }
/** What went wrong, beside the status. */
export type Failure = Pick<RequestFailedParams, "text" | "errorName" | "errorMessage">
/** What is known of the request, whoever it is sent to; the signal is the host's own. */
type Aim = { wire: Wire; isStream: boolean; signal: AbortSignal | undefined; clock: Clock }

export class Attempt {
  readonly call: Call
  readonly #leftAt: number
  /** From leaving to the response's head, or to the failure before one. */
  ttfbS = 0
  /** The response as it came; of it only the head may be used. */
  head: Response | undefined
  /** Nothing has come for too long; but it may still, until it is dropped. */
  isSilent = false
  #heardAt: number
  #held: HeldBody | undefined
  #error: { thrown: unknown } | undefined
  #silenceMs: number
  readonly #aim: Aim
  readonly #abort = new AbortController()
  readonly #looked: Promise<{ failure: Failure | undefined }>

  /** Sends at once. So many seconds without a byte before the first content are a failure; 0 is however long it takes. */
  constructor(call: Call, aim: Aim, silenceS: number) {
    this.call = call
    this.#aim = aim
    this.#silenceMs = silenceS * 1000
    this.#leftAt = this.#heardAt = aim.clock.now()
    this.#looked = this.#run()
  }

  /** `undefined` when the host can have the answer. After a silence it may be asked once more, and waits on. */
  async settle(): Promise<Failure | undefined> {
    const { clock, signal } = this.#aim
    this.isSilent = false
    if (this.#silenceMs === 0) return (await this.#looked).failure
    for (;;) {
      const left = Math.max(0, this.#heardAt + this.#silenceMs - clock.now())
      const looked = await within(clock, this.#looked, left, signal)
      if (looked) return looked.failure
      if (!signal?.aborted && clock.now() - this.#heardAt < this.#silenceMs) continue
      this.#silenceMs = 0
      this.isSilent = true
      return describe(silence())
    }
  }

  /** What the host gets of it, an answer or a failure. */
  response(): Response {
    if (this.#error) throw this.#error.thrown
    return this.#held?.release() ?? (this.head as Response)
  }

  /** Frees its connection; what was read of it can still be had. */
  drop() {
    if (this.isSilent) this.#error = { thrown: silence() }
    this.isSilent = false
    this.#abort.abort(silence())
    this.#held?.cut()
  }

  async #run(): Promise<{ failure: Failure | undefined }> {
    const { signal, clock } = this.#aim
    try {
      const own = signal ? [signal, this.#abort.signal] : [this.#abort.signal]
      this.head = await this.call.send(this.#silenceMs > 0 ? AbortSignal.any(own) : undefined)
      this.#heardAt = clock.now()
      return { failure: await this.#look(this.head) }
    } catch (error) {
      if (!this.#held) this.#error = { thrown: error }
      return { failure: describe(error) }
    } finally {
      this.ttfbS ||= (clock.now() - this.#leftAt) / 1000
    }
  }

  async #look(head: Response): Promise<Failure | undefined> {
    this.ttfbS = (this.#heardAt - this.#leftAt) / 1000
    const { wire, isStream } = this.#aim
    const type = head.headers.get("content-type") ?? ""
    const says = { events: isStream || type.includes("event-stream"), json: type.includes("json") }
    if (head.ok && (wire === "other" || !(says.events || says.json))) return undefined
    this.#held = HeldBody.of(head)
    return head.ok ? this.#answer(says) : { text: await this.#refusal() }
  }

  /** As much of it as comes in a moment. */
  async #refusal(): Promise<string> {
    const { clock } = this.#aim
    const until = clock.now() + REFUSAL_MS
    while (this.#held && this.#held.size < MAX_TEXT) {
      const chunk = this.#held.read().catch(() => undefined)
      if (!(await within(clock, chunk, until - clock.now()))) break
    }
    return this.#text()
  }

  /** A stream that says nothing new is held for as long as it likes: nobody has lost anything by it. */
  async #answer(says: { events: boolean; json: boolean }): Promise<Failure | undefined> {
    const { wire, clock } = this.#aim
    const preamble = new Preamble(wire)
    for (let firstAt: number | undefined; ; ) {
      const chunk = await this.#held?.read()
      this.#heardAt = clock.now()
      const said = says.events ? preamble.push(chunk) : "preamble"
      if (said === "content") return undefined
      if (said !== "preamble") return { text: said.error.slice(0, MAX_TEXT) }
      if (!chunk && says.json) return isErrorBody(this.#text()) ? { text: this.#text() } : undefined
      if (!chunk) return { ...ENDED_EARLY, text: this.#text() }
      firstAt ??= this.#heardAt
      const isLong = this.#heardAt - firstAt > PREAMBLE_MS
      if (says.events ? isLong || this.#size > MAX_PREAMBLE_BYTES : this.#size > MAX_TEXT) return undefined
    }
  }

  get #size(): number {
    return this.#held?.size ?? 0
  }

  #text(): string {
    return this.#held?.text().slice(0, MAX_TEXT) ?? ""
  }
}

function silence(): DOMException {
  return new DOMException("The operation timed out.", "TimeoutError")
}

/** What the runtime says, with the codes that it wraps; of a URL only the origin. */
export function describe(error: unknown): Failure {
  const said: string[] = []
  for (
    let cause = Object(error), depth = 0;
    cause instanceof Object && depth < 4;
    cause = cause.cause, depth++
  )
    said.push(...[cause.code, cause.message].filter((part) => typeof part === "string"))
  const errorMessage = said.join(": ").replace(/(https?:\/\/)(?:[^\s"'/@]*@)?([^\s"'/?#]*)[^\s"']*/g, "$1$2")
  return { errorName: String(Object(error).name), errorMessage: errorMessage.slice(0, 1000) }
}
