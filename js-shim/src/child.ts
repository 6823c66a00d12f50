/**
 * The life of the sidecar's process: spawned, greeted, doubted, killed, started again. Everybody who asks gets
 * an answer or `undefined`, never an exception and never a wait beyond the deadline given.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { showsToasts } from "./host.ts"
import type { Launch, Note, Problem } from "./launch.ts"
import { boundedWriter, closePipes } from "./pipes.ts"
import { isTexts } from "./plain.ts"
import { ErrorCode, type InitializeResult, type Methods, PROTOCOL_MAJOR, VERSION } from "./protocol.gen.ts"
import type { Clock, NotificationMethod, Reply, RequestMethod } from "./rpc.ts"
import { Peer, systemClock, within } from "./rpc.ts"

const TICK_MS = 500
const ANSWER_MS = 5_000
const HELLO_MS = 30_000
const EXIT_MS = 1_000
const FIRST_BACKOFF_MS = 500
const MAX_BACKOFF_MS = 30_000
/** What was missing may be there by then, like a network, and nobody need ask. */
const LOOK_AGAIN_MS = 10 * 60_000
const SOUND_AFTER_MS = 60_000
const STDERR_PAUSE_MS = 10
const NOISE_MS = 10_000
const MAX_NOISY_LINES = 100
const NEVER = Number.POSITIVE_INFINITY
/** How one ends whose parts can't be loaded, be it after the greeting. */
const BROKEN = "3"

type State = "stopped" | "preparing" | "starting" | "healthy" | "suspect" | "dead"

export type SidecarEvents = {
  /** What starts it, asked anew before each start; the last one may have ended before it said a word. */
  launch(hasFailed: boolean): Launch
  /** The handshake is done, nobody has asked anything yet. */
  ready(): void
  notified(method: string, params: unknown): void
  stderr(bytes: Uint8Array): void
  note: Note
}

/** One process and its wire; what still comes from a life that is no longer the current one is ignored. */
type Life = { child: ChildProcessWithoutNullStreams; peer: Peer; exited: Promise<true> }

export class Sidecar {
  state: State = "stopped"
  /** Why there is nobody to ask; kept until the next handshake. */
  problem: Problem = { kind: "starting" }
  /** Lower-case prefixes of the response headers that it wants to see. */
  headerPrefixes: string[] = []
  #life: Life | undefined
  #failures = 0
  #readyAt = 0
  #timer: (() => void) | undefined
  #startEnded = Promise.withResolvers<void>()
  #prepared: Promise<void> = Promise.resolve()
  readonly #events: SidecarEvents
  readonly #directory: string
  readonly #clock: Clock

  constructor(events: SidecarEvents, directory: string, clock: Clock = systemClock) {
    this.#events = events
    this.#directory = directory
    this.#clock = clock
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  /** Why a question has just got no answer. */
  get trouble(): Problem {
    return this.state === "healthy" || this.state === "suspect" ? { kind: "noAnswer" } : this.problem
  }

  /** Starts it unless it runs; one that waits for its turn starts at once. */
  start() {
    if (this.#life) return
    this.#setTimer(undefined)
    const launch = this.#events.launch(this.#failures > 0 && this.#readyAt === NEVER)
    if ("problem" in launch) return this.#waitFor(launch)
    this.#startEnded = Promise.withResolvers()
    this.problem = { kind: "starting" }
    this.#readyAt = NEVER
    try {
      this.#live(launch)
    } catch (error) {
      this.#died({ kind: "notStarted", detail: String(Object(error).message) })
    }
  }

  /** Replaces it: what it is started from has changed. */
  async restart() {
    const ended = this.stop()
    this.start()
    await ended
  }

  /** Ends it: asked and EOF first, SIGKILL if it is still there a second later, or at once if it didn't answer anyway. */
  async stop() {
    const life = this.#life
    const wasSuspect = this.state === "suspect"
    life?.peer.call("shutdown", {})
    this.#leave("stopped")
    if (!life) return
    life.child.stdin.end()
    const hasExited = !wasSuspect && (await within(this.#clock, life.exited, EXIT_MS))
    if (!hasExited) life.child.kill("SIGKILL")
  }

  /**
   * Waits at most `ms` until it can be asked, and wakes a dead one; `false`: `problem` says why not. What has to
   * be prepared first, which may take a minute, is only waited for by those who say so; they also wait for what
   * dies at its start, and may be prepared anew upon that.
   */
  async isReady(ms: number, signal?: AbortSignal, orPrepared?: "or prepared"): Promise<boolean> {
    const until = this.#clock.now() + ms
    const left = () => Math.max(0, until - this.#clock.now())
    for (let tries = orPrepared ? 2 : 1; tries > 0; tries -= 1) {
      if (this.state === "dead") this.start()
      if (this.state === "preparing" && orPrepared) await within(this.#clock, this.#prepared, left(), signal)
      // Once more where it was replaced meanwhile: that ends a start, and is one.
      while (this.state === "starting" && left() > 0 && !signal?.aborted)
        await within(this.#clock, this.#startEnded.promise, left(), signal)
      if (this.state !== "dead") break
    }
    return this.state === "healthy" || this.state === "suspect"
  }

  /** `undefined`: no answer in time, and it is suspect now (but not if it was the caller who gave up). */
  async ask<M extends RequestMethod>(
    method: M,
    params: Methods[M]["params"],
    ms: number,
    signal?: AbortSignal,
  ): Promise<Reply | undefined> {
    const life = this.#life
    if (!life || this.state === "starting") return undefined
    const call = life.peer.call(method, params)
    const reply = await within(this.#clock, call.reply, ms, signal)
    if (reply) return reply
    life.peer.cancel(call.id)
    if (!signal?.aborted && life === this.#life) this.#doubt(life)
    return undefined
  }

  /** Who is starting is told once it is ready, after what `ready` asked; where nobody runs, nobody is told. */
  tell<M extends NotificationMethod>(method: M, params: Methods[M]["params"]) {
    if (this.state === "starting") this.#startEnded.promise.then(() => this.tell(method, params))
    if (this.state === "healthy" || this.state === "suspect") this.#life?.peer.notify(method, params)
  }

  #waitFor({ problem, until }: Extract<Launch, { problem: Problem }>) {
    if (!until) return this.#died(problem, LOOK_AGAIN_MS)
    this.problem = problem
    this.state = "preparing"
    this.#prepared = until.then(() => {
      if (this.state === "preparing") this.start()
    })
  }

  #live(launch: Extract<Launch, { argv: string[] }>) {
    const [command = "", ...args] = launch.argv
    const child = spawn(command, args, { cwd: this.#directory, stdio: "pipe", windowsHide: true })
    const exited = Promise.withResolvers<true>()
    let noisyLines = 0
    const forget = () => {
      noisyLines = 0
    }
    const peer: Peer = new Peer(boundedWriter(child), {
      answered: () => life === this.#life && this.#answered(),
      notified: (method, params) => life === this.#life && this.#events.notified(method, params),
      noise: () => {
        noisyLines += 1
        if (noisyLines === 1) this.#clock.after(NOISE_MS, forget)
        if (noisyLines === MAX_NOISY_LINES) this.#kill(life, { kind: "noAnswer" })
      },
    })
    const life: Life = { child, peer, exited: exited.promise }
    this.#life = life
    this.state = "starting"
    this.#events.note("sidecar_spawned", { child: child.pid, source: launch.source })
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on("error", () => {})
    child.stdout.on("data", (chunk: Uint8Array) => peer.receive(chunk))
    child.stderr.on("data", (chunk: Uint8Array) => {
      this.#events.stderr(chunk)
      child.stderr.pause() // A flood waits over there, not in our event loop.
      this.#clock.after(STDERR_PAUSE_MS, () => child.stderr.resume())
    })
    child.on("error", ({ message }) => this.#ended(life, { kind: "notStarted", detail: message }))
    child.on("exit", (code, signal) => {
      exited.resolve(true)
      this.#clock.after(EXIT_MS, () => closePipes(child)) // It may have left heirs.
      this.#ended(life, { kind: "exited", detail: String(signal ?? code) })
    })
    this.#greet(life)
  }

  async #greet(life: Life) {
    this.#killUnlessAnswered(life, HELLO_MS)
    const params = { protocolMajor: PROTOCOL_MAJOR, shimVersion: VERSION, showsToasts }
    const reply = await life.peer.call("initialize", params).reply
    if (life !== this.#life || !reply) return
    const detail = reply.error?.message ?? "initialize"
    if (isGreeting(reply.result)) this.#ready(reply.result)
    else if (reply.error?.code !== ErrorCode.PROTOCOL_MISMATCH) this.#kill(life, { kind: "failed", detail })
    else this.#kill(life, { kind: "otherProtocol", detail }, "for good")
  }

  #ready(result: InitializeResult) {
    this.#setTimer(undefined)
    this.headerPrefixes = result.responseHeaderPrefixes
    this.#readyAt = this.#clock.now()
    this.state = "healthy"
    this.#events.note("sidecar_ready", { version: result.sidecarVersion })
    this.#events.ready()
    this.#startEnded.resolve()
  }

  #doubt(life: Life) {
    if (this.state !== "healthy") return
    this.state = "suspect"
    this.#events.note("sidecar_suspect")
    life.peer.call("ping", {})
    this.#killUnlessAnswered(life, ANSWER_MS)
  }

  #answered() {
    if (this.state !== "suspect") return
    this.#setTimer(undefined)
    this.state = "healthy"
    this.#events.note("sidecar_answers_again")
  }

  /** Counts ticks, not hours: however long the machine sleeps, it costs one tick. */
  #killUnlessAnswered(life: Life, ms: number) {
    let ticks = ms / TICK_MS
    const tick = () => {
      ticks -= 1
      if (ticks > 0) this.#setTimer(this.#clock.after(TICK_MS, tick))
      else this.#kill(life, { kind: "noAnswer" })
    }
    this.#setTimer(this.#clock.after(TICK_MS, tick))
  }

  #kill(life: Life, problem: Problem, until?: "for good") {
    if (life !== this.#life) return
    this.#events.note("sidecar_killed", { child: life.child.pid, why: problem.kind })
    life.child.kill("SIGKILL")
    closePipes(life.child)
    this.#died(problem, until)
  }

  #ended(life: Life, problem: Problem) {
    if (life !== this.#life) return
    if (problem.detail === BROKEN) this.#readyAt = NEVER
    this.#died(problem)
  }

  #died(problem: Problem, until?: number | "for good") {
    this.#leave("dead")
    if (this.#clock.now() - this.#readyAt > SOUND_AFTER_MS) this.#failures = 0
    this.problem = problem
    const ms = until ?? Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS)
    this.#failures += 1
    if (ms !== "for good") this.#setTimer(this.#clock.after(ms, () => this.start()))
    this.#events.note("sidecar_dead", { ...problem, ...(ms === "for good" ? {} : { againInMs: ms }) })
  }

  #leave(state: "stopped" | "dead") {
    const life = this.#life
    this.#life = undefined
    this.state = state
    this.#setTimer(undefined)
    life?.peer.close()
    this.#startEnded.resolve()
  }

  /** There is one timer: for the greeting, for the ping or until the next start. */
  #setTimer(cancel: (() => void) | undefined) {
    this.#timer?.()
    this.#timer = cancel
  }
}

function isGreeting(value: unknown): value is InitializeResult {
  const { protocolMajor, responseHeaderPrefixes: prefixes } = Object(value)
  return protocolMajor === PROTOCOL_MAJOR && isTexts(prefixes)
}
