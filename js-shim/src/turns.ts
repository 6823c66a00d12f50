/**
 * A user's turn as a whole: asked about before it begins, told of when it is done or has failed, and done again with
 * another model where the sidecar says so. Which model, and whether at all, is the sidecar's to say.
 */
import type { Sidecar } from "./child.ts"
import { isTarget } from "./edits.ts"
import type { ChatMessage, Event, Host, TurnError } from "./host.ts"
import { setBounded } from "./plain.ts"
import type { SessionIdleParams, SessionResumeParams, TurnRouteParams } from "./protocol.gen.ts"
import { isSame, isVirtual, type Router } from "./router.ts"
import type { Tag } from "./tagged-fetch.ts"

const ROUTE_MS = 250
/** A virtual model is nobody's own: its turn waits for a sidecar that is starting, and for its answer. */
const START_MS = 5_000
const ROUTE_VIRTUAL_MS = 2_000
const MAX_KEPT = 512
/** The host rests twice after an error; a turn that is started before the second time never runs. */
const RESTS = 2

export class Turns {
  /** By session: the error that its turn ended with, and how often it has come to rest since. */
  readonly #failed = new Map<string, { error: TurnError; rests: number }>()
  readonly #finished = new Map<string, true>()
  readonly #planned = new Map<string, true>()
  readonly #resumed = new Map<string, true>()
  readonly #sidecar: Sidecar
  readonly #router: Router

  constructor(sidecar: Sidecar, router: Router) {
    this.#sidecar = sidecar
    this.#router = router
  }

  /** Changes the message's model if the turn is to go elsewhere. */
  async route(host: Host, message: ChatMessage["message"]) {
    const { sessionID: sessionId, agent, model } = message
    const about = { directory: host.directory, sessionId, agent, parentId: host.knownParentOf(sessionId) }
    const shown = { providerId: model.providerID, modelId: model.modelID }
    const target = this.#router.chosenIn(sessionId, shown)
    const result = await this.#ask({ ...about, target })
    const other = Object(result).target
    const unanswered = result || !isVirtual(target) ? target : this.#router.standIn(sessionId, target)
    const next = isTarget(other) ? other : unanswered
    if (!isSame(next, shown)) message.model = { ...model, providerID: next.providerId, modelID: next.modelId }
  }

  async #ask(params: TurnRouteParams, tries = 2): Promise<unknown> {
    const mayWait = isVirtual(params.target)
    const canAsk = mayWait ? await this.#sidecar.isReady(START_MS) : this.#sidecar.state === "healthy"
    const ms = mayWait ? ROUTE_VIRTUAL_MS : ROUTE_MS
    if (!canAsk) return undefined
    const reply = await this.#sidecar.ask("turn/route", params, ms)
    // That it had just died may be known only now; or it is being replaced.
    const hasEnded = !reply && (this.#sidecar.state === "dead" || this.#sidecar.state === "starting")
    return hasEnded && tries > 1 ? this.#ask(params, tries - 1) : reply?.result
  }

  /** A request of this turn could have gone on elsewhere by itself. */
  planned({ messageId, agent }: Tag) {
    setBounded(this.#planned, `${messageId} ${agent}`, true, MAX_KEPT)
  }

  async hear(host: Host, event: Event) {
    this.#failed.delete(host.busy(event) ?? "")
    const failed = host.failed(event)
    if (failed) setBounded(this.#failed, failed.sessionId, { error: failed.error, rests: 0 }, MAX_KEPT)
    const finished = host.finished(event)
    if (finished && !this.#finished.has(finished.messageId)) {
      setBounded(this.#finished, finished.messageId, true, MAX_KEPT)
      this.#sidecar.tell("message/finished", finished)
    }
    const idle = await host.idle(event)
    if (idle) this.#sidecar.tell("session/idle", idle)
    if (idle) await this.#rested(host, idle)
  }

  async #rested(host: Host, { directory, sessionId, parentId }: SessionIdleParams) {
    const failed = this.#failed.get(sessionId)
    if (!failed || ++failed.rests < RESTS) return
    this.#failed.delete(sessionId)
    const turn = await host.lastTurn(sessionId)
    if (!turn) return
    const { messageId, agent, target } = turn
    const about = { directory, sessionId, messageId, agent, target, isRoot: parentId === undefined }
    const wentByUs = this.#planned.has(`${messageId} ${agent}`)
    this.#sidecar.tell("session/error", { ...about, wentByUs, ...failed.error })
  }

  /** Only what is still the user's last word, once, and only while nothing else goes on there. */
  async resume(host: Host, { sessionId, messageId, target }: SessionResumeParams) {
    if (!isTarget(target) || (await host.parentOf(sessionId))) return
    const turn = await host.lastTurn(sessionId)
    if (turn?.messageId !== messageId || !(await host.isIdle(sessionId))) return
    if (this.#resumed.has(messageId)) return
    setBounded(this.#resumed, messageId, true, MAX_KEPT)
    await host.resume(sessionId, turn, target)
  }
}
