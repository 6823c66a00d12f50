/**
 * The way of a request to a model: asked about before it leaves, sent, and after a failure asked about again, until
 * the host has an answer. Without a sidecar that answers, it is the request as the host made it.
 */
import { Attempt, type Call, type Failure } from "./attempt.ts"
import type { Sidecar } from "./child.ts"
import { type Plan, readPlan, requestOf } from "./edits.ts"
import type { Note } from "./launch.ts"
import type {
  BodyShape,
  RequestFailedParams,
  RequestFinishedParams,
  RequestPlanParams,
} from "./protocol.gen.ts"
import { wireOf } from "./replies.ts"
import { isVirtual } from "./router.ts"
import { type Clock, systemClock, within } from "./rpc.ts"
import type { TaggedRequest } from "./tagged-fetch.ts"

const PLAN_MS = 250
const FAILED_MS = 3_000
const START_MS = 10_000
/** The sidecar says when it is enough; this only ends a loop. */
const MAX_ATTEMPTS = 16

/** A plan that is late, then one that waits for it or for its end, then one of whoever came after it. */
const PLANS_OF_VIRTUAL_MS = [PLAN_MS, START_MS, START_MS]

/** A plan that can be carried out: `pass` is the user's own target, `call` any other request. */
type Step =
  | Extract<Plan, { kind: "pass" | "reply" }>
  | { kind: "call"; call: Call; afterS: number; headersTimeoutS?: number }
const PASS: Step = { kind: "pass" }

export class PlannedRequest {
  readonly #tried: Attempt[] = []
  /** The one at the user's own target, once it has failed: what the host gets if nothing else is left. */
  #own: Attempt | undefined
  /** That target's request; of a virtual model, whatever is sent first. */
  #ownCall: Call | undefined
  readonly #about: RequestPlanParams
  readonly #madeAt: number
  readonly #sidecar: Sidecar
  readonly #request: TaggedRequest
  readonly #note: Note
  readonly #clock: Clock

  constructor(sidecar: Sidecar, request: TaggedRequest, note: Note, clock: Clock = systemClock) {
    const { tag, url, send } = request
    this.#sidecar = sidecar
    this.#request = request
    this.#note = note
    this.#clock = clock
    this.#madeAt = clock.now()
    this.#about = aboutOf(request)
    if (!isVirtual(tag.target)) this.#ownCall = { target: tag.target, url, send }
  }

  /** `undefined`: it is for a virtual model, and nobody says where to send it. */
  async send(): Promise<Response | undefined> {
    const { signal } = this.#request
    let step = await (this.#ownCall
      ? this.#ask("request/plan", () => this.#about, PLAN_MS)
      : this.#planOfVirtual())
    for (;;) {
      signal?.throwIfAborted()
      if (step.kind === "reply") return new Response(step.body, step)
      const given = step.kind === "pass" ? this.#own : undefined
      if (given && !given.isSilent) return given.response()
      const call = step.kind === "call" ? step.call : this.#ownCall
      if (!call) return undefined
      const attempt = given ?? this.#begin(call, step.headersTimeoutS)
      const failure = await attempt.settle()
      if (signal?.aborted) this.#abandon(attempt)
      else if (!failure) return this.#hand(attempt)
      else step = await this.#after(attempt, failure)
    }
  }

  #begin(call: Call, headersTimeoutS = 0): Attempt {
    const { wire, body } = this.#about
    const aim = { wire, isStream: body.stream, signal: this.#request.signal, clock: this.#clock }
    const attempt = new Attempt(call, aim, headersTimeoutS)
    this.#ownCall ??= call
    this.#tried.push(attempt)
    return attempt
  }

  #hand(attempt: Attempt): Response {
    this.#finish(attempt, {})
    return attempt.response()
  }

  #abandon(attempt: Attempt) {
    this.#finish(attempt, { aborted: true })
    attempt.drop()
  }

  async #after(attempt: Attempt, failure: Failure): Promise<Step> {
    const { signal } = this.#request
    if (attempt.call === this.#ownCall) this.#own = attempt
    const step = await this.#ask("request/failed", () => this.#failed(attempt, failure), FAILED_MS)
    const isKept = step.kind === "pass" && attempt === this.#own && !signal?.aborted
    if (!(isKept && attempt.isSilent)) this.#finish(attempt, { refused: true })
    if (!isKept) attempt.drop()
    const waitS = step.kind === "call" ? step.afterS : 0
    if (waitS > 0) await within(this.#clock, new Promise(() => {}), waitS * 1000, signal)
    return step
  }

  /** `about` is asked for when there is somebody to tell: only a sidecar says which headers it wants to see. */
  async #ask(
    method: "request/plan" | "request/failed",
    about: () => RequestPlanParams | RequestFailedParams,
    ms: number,
  ): Promise<Step> {
    const { signal } = this.#request
    if (signal?.aborted || !(await this.#canAsk(method))) return PASS
    const reply = await this.#sidecar.ask(method, about(), ms, signal)
    if (reply) return this.#stepOf(readPlan(Object(reply.result).plan))
    // It ended before it had answered: whoever comes after it has everything to read first.
    const hasEnded = this.#sidecar.state === "dead" || this.#sidecar.state === "starting"
    return hasEnded && method === "request/failed" && ms < START_MS
      ? this.#ask(method, about, START_MS)
      : PASS
  }

  /** Without one nothing can leave: a sidecar that starts, ends or is replaced meanwhile is worth a wait. */
  async #planOfVirtual(): Promise<Step> {
    const { signal } = this.#request
    const left = () => Math.max(0, this.#madeAt + START_MS - this.#clock.now())
    for (const ms of PLANS_OF_VIRTUAL_MS) {
      if (signal?.aborted || !(await this.#sidecar.isReady(left(), signal))) break
      const reply = await this.#sidecar.ask("request/plan", this.#about, Math.min(ms, left()), signal)
      if (reply) return this.#stepOf(readPlan(Object(reply.result).plan))
    }
    return PASS
  }

  /** A refusal is worth a wait: for one that has just missed a deadline, is being started, or has died. */
  #canAsk(method: "request/plan" | "request/failed"): boolean | Promise<boolean> {
    if (method === "request/plan") return this.#sidecar.state === "healthy"
    return this.#sidecar.isReady(START_MS, this.#request.signal)
  }

  #stepOf(plan: Plan | undefined): Step {
    if (plan?.kind === "pass" || plan?.kind === "reply") return plan
    const call = plan && this.#callOf(plan)
    if (call) return { afterS: 0, ...plan, kind: "call", call }
    this.#note("plan_ignored", { kind: plan?.kind })
    return PASS
  }

  #callOf(plan: Extract<Plan, { kind: "send" | "again" }>): Call | undefined {
    if (this.#about.wire === "other" || this.#tried.length >= MAX_ATTEMPTS) return undefined
    if (plan.kind === "again") return this.#tried.at(-1)?.call
    const { method, headers, body, signal, sendTo } = this.#request
    const init = requestOf(plan, method, headers(), String(body))
    const send = (own = signal) => sendTo(plan.url, { ...init, signal: own ?? null })
    return init && { target: plan.target, url: plan.url, send }
  }

  #failed(attempt: Attempt, failure: Failure): RequestFailedParams {
    return {
      ...this.#about,
      tried: this.#tried.map(({ call }) => call.target),
      elapsedS: (this.#clock.now() - this.#madeAt) / 1000,
      failedOrigin: originOf(attempt.call.url),
      ...this.#headOf(attempt),
      ...failure,
    }
  }

  #finish(attempt: Attempt, rest: Pick<RequestFinishedParams, "refused" | "aborted">) {
    const { requestId, directory, sessionId, messageId, agent } = this.#about
    this.#sidecar.tell("request/finished", {
      ...{ requestId, directory, sessionId, messageId, agent },
      target: attempt.call.target,
      origin: originOf(attempt.call.url),
      ttfbS: attempt.ttfbS,
      ...this.#headOf(attempt),
      ...rest,
    })
  }

  /** Of a response's head, what may cross. */
  #headOf({ head }: Attempt): { status?: number; headers: Record<string, string> } {
    const prefixes = [...this.#sidecar.headerPrefixes, ...this.#request.tag.host.headerPrefixes]
    const wanted = [...(head?.headers ?? [])].filter(([name]) => prefixes.some((one) => name.startsWith(one)))
    return { ...(head ? { status: head.status } : {}), headers: Object.fromEntries(wanted) }
  }
}

function aboutOf({ tag, url, body }: TaggedRequest): RequestPlanParams {
  const { host, sessionId, messageId, agent, target } = tag
  const about = {
    requestId: crypto.randomUUID(),
    directory: host.directory,
    sessionId,
    messageId,
    agent,
    target,
  }
  return { ...about, wire: wireOf(url, body), body: shapeOf(body), origin: originOf(url) }
}

/** Without parsing: an unescaped `"tools":[` can't stand inside a JSON string. */
export function shapeOf(body: unknown): BodyShape {
  const text = typeof body === "string" ? body : ""
  const hasImages = /"type":"(?:image|image_url|input_image)"/.test(text)
  const hasTools = text.includes('"tools":[') && !text.includes('"tools":[]')
  const hasAnswers = /"role":"assistant"|"type":"(?:function_call|reasoning)"/.test(text)
  const stream = text.includes('"stream":true')
  return { sizeBytes: Buffer.byteLength(text), hasImages, hasTools, stream, hasAnswers }
}

/** All of a URL that crosses. */
function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined
}
