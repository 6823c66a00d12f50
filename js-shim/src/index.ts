/**
 * The server plugin: the hooks of one directory, over what all directories of this JavaScript world share.
 * A hook never throws and never waits without a deadline; with no sidecar, everything goes its usual way.
 */
import { mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { PlannedRequest } from "./attempts.ts"
import { Sidecar } from "./child.ts"
import { Commands } from "./commands.ts"
import { type Hooks, Host, type Plugin, purposeOf } from "./host.ts"
import { HostFacts } from "./host-file.ts"
import { checkoutLaunch, findLaunch, Log, ownWheel, stateDirectory } from "./launch.ts"
import { attempt, isTexts } from "./plain.ts"
import { type Machine, Preparation } from "./prepare.ts"
import { type SessionResumeParams, type ToastShowParams, VERSION } from "./protocol.gen.ts"
import { replyTo, wireOf } from "./replies.ts"
import { Router } from "./router.ts"
import { systemClock } from "./rpc.ts"
import { headerFor, replaceFetch, type TaggedRequest, type Tags } from "./tagged-fetch.ts"
import { Turns } from "./turns.ts"

const WORLD = Symbol.for("opencode-quota-sidecar.world.1")
const OPEN_MS = 5_000
const REPORT_S = 30
const SETUP_S = 15
/** A screen that has just been started draws no toast yet, and none later. */
const DRAWN_AFTER_MS = 8_000
const NAME = "Quota sidecar"

type Workspace = { host: Host; options: unknown; ours: Set<string> }

/** One sidecar, one replaced fetch, all directories. */
class World {
  readonly tags: Tags = new Map()
  readonly log: Log
  readonly facts: HostFacts
  readonly commands: Commands
  readonly router: Router
  readonly turns: Turns
  readonly #sidecar: Sidecar
  readonly #workspaces = new Set<Workspace>()

  constructor() {
    const directory = stateDirectory(process.env)
    this.log = new Log(join(directory, "logs"))
    const wheel = ownWheel()
    const preparation = wheel ? new Preparation(this.#preparing(wheel, directory)) : undefined
    const events = {
      launch: (hasFailed: boolean) => {
        attempt(() => mkdirSync(directory, { recursive: true, mode: 0o700 })) // It may have been removed meanwhile.
        const commands = [...this.#workspaces].map(({ options }) => Object(options).command)
        return findLaunch(commands, () => preparation?.launch(hasFailed) ?? checkoutLaunch(), this.log.note)
      },
      ready: () => this.#workspaces.forEach((workspace) => void this.#tell(workspace)),
      notified: (method: string, params: unknown) => {
        if (method === "toast/show") this.#toast(Object(params))
        if (method === "session/resume") this.#resume(Object(params))
      },
      stderr: (bytes: Uint8Array) => this.log.append(bytes),
      note: this.log.note,
    }
    this.#sidecar = new Sidecar(events, directory)
    this.facts = new HostFacts(directory)
    this.commands = new Commands(this.#sidecar, this.facts, this.log.path, () => preparation?.notUpdated)
    this.router = new Router(this.#sidecar, this.facts)
    this.turns = new Turns(this.#sidecar, this.router)
    replaceFetch(this.tags, (request) => this.#handle(request))
  }

  #preparing(wheel: string, cwd: string): Machine {
    const drawnAt = systemClock.now() + DRAWN_AFTER_MS
    const say = (message: string, variant: "success" | "error") => {
      const toast = { directory: "", title: NAME, message, variant, durationS: SETUP_S }
      systemClock.after(Math.max(0, drawnAt - systemClock.now()), () => this.#toast(toast))
    }
    return {
      ...{ wheel, cwd, env: process.env, home: homedir(), clock: systemClock },
      ready: (isMadeHere, isUpdate) => {
        const { prepared, updated } = this.facts.content.texts
        if (isMadeHere) say(isUpdate ? updated.replace("{version}", VERSION) : prepared, "success")
        if (this.#sidecar.state !== "stopped") void this.#sidecar.restart()
      },
      failed: (problem, isUpdate) =>
        say(this.facts.say(isUpdate ? "notUpdated" : "notPrepared", problem), "error"),
      projects: () => [...this.#workspaces].flatMap(({ host }) => host.folders),
      installers: (isOld) => this.facts.content.texts[isOld ? "newerInstallers" : "installers"],
      note: this.log.note,
    }
  }

  /** Returns at once; the process comes by itself. */
  open(workspace: Workspace) {
    this.#workspaces.add(workspace)
    systemClock.after(0, () => {
      if (!this.#workspaces.has(workspace)) return // A sidecar without any would never be ended.
      if (this.#sidecar.isRunning) void this.#tell(workspace)
      else this.#sidecar.start()
    })
  }

  async close(workspace: Workspace) {
    const { directory } = workspace.host
    this.#workspaces.delete(workspace)
    if (this.#workspaces.size === 0) {
      this.tags.clear()
      await this.#sidecar.stop()
    } else if (![...this.#workspaces].some(({ host }) => host.directory === directory)) {
      await this.#sidecar.ask("workspace/close", { directory }, OPEN_MS)
    }
  }

  /** The directory at once; more about it as soon as the host can say. */
  async #tell(workspace: Workspace) {
    const { host } = workspace
    await this.#tellOf(workspace, Promise.resolve({}))
    await Promise.allSettled(
      [host.catalogue(), host.version()].map((facts) => this.#tellOf(workspace, facts)),
    )
  }

  async #tellOf(workspace: Workspace, facts: ReturnType<Host["version"]>) {
    const { host } = workspace
    const params = { directory: host.directory, ...(await facts) }
    if (!this.#workspaces.has(workspace)) return // It was closed meanwhile, and must not be opened again.
    const reply = await this.#sidecar.ask("workspace/open", params, OPEN_MS)
    const { responseHeaderPrefixes: prefixes } = Object(reply?.result)
    if (isTexts(prefixes)) host.headerPrefixes = prefixes
  }

  #toast(params: ToastShowParams) {
    const host = this.#hostOf(params.directory) ?? [...this.#workspaces][0]?.host
    host?.toast(params).catch(() => this.log.note("toast_refused"))
  }

  #resume(params: SessionResumeParams) {
    const host = this.#hostOf(params.directory)
    if (host) this.turns.resume(host, params).catch(() => this.log.note("resume_refused"))
  }

  #hostOf(directory: string): Host | undefined {
    return [...this.#workspaces].find(({ host }) => host.directory === directory)?.host
  }

  async #handle(request: TaggedRequest): Promise<Response> {
    const { tag, url, body, signal } = request
    const typed = this.commands.typedIn(tag)
    if (!typed) return this.#send(request)
    const isTitle = tag.agent === "title"
    const text = isTitle ? typed.command : await this.commands.answer(typed, tag, signal)
    signal?.throwIfAborted()
    const reply = replyTo(url, body, text, tag.target.modelId, !typed.amidWork)
    if (typed.amidWork) this.commands.settle(tag)
    if (reply) return reply
    if (typed.amidWork) {
      this.#toast({ directory: tag.host.directory, message: text, variant: "info", durationS: REPORT_S })
      return this.#send(request)
    }
    if (!isTitle) await tag.host.say(tag.sessionId, tag.agent, tag.target, text)
    // The one end of a turn that no client shows as an error.
    throw new DOMException("", "AbortError")
  }

  async #send(request: TaggedRequest): Promise<Response> {
    if (wireOf(request.url, request.body) !== "other") this.turns.planned(request.tag)
    return (await new PlannedRequest(this.#sidecar, request, this.log.note).send()) ?? this.router.refusal()
  }
}

function hooksOf(world: World, workspace: Workspace): Hooks {
  const { tags, facts, commands, router, turns, log } = world
  /** Whatever goes wrong in a hook of ours, the user's turn goes on. */
  const guard =
    <Args extends unknown[]>(hook: string, work: (...args: Args) => unknown) =>
    async (...args: Args): Promise<void> => {
      try {
        await work(...args)
      } catch (error) {
        log.note("hook_failed", { hook, error: Object(error).name })
      }
    }
  return {
    config: guard("config", (config) => {
      facts.read()
      workspace.ours = commands.offer(config)
      router.offer(config)
    }),
    "command.execute.before": guard("command.execute.before", (input, output) => {
      if (workspace.ours.has(input.command)) commands.markParts(input, output)
    }),
    "chat.message": guard("chat.message", async (_, output) => {
      if (!commands.markMessage(output)) await turns.route(workspace.host, output.message)
    }),
    "chat.headers": guard("chat.headers", (input, output) => {
      const tag = { host: workspace.host, ...purposeOf(input) }
      Object.assign(output.headers, headerFor(tags, tag))
    }),
    "experimental.chat.messages.transform": guard("messages.transform", (_, output) =>
      commands.forget(output),
    ),
    event: guard("event", ({ event }) => turns.hear(workspace.host, event)),
    dispose: guard("dispose", () => world.close(workspace)),
  }
}

/** The module may be loaded twice; the world is there once. */
function sharedWorld(): World {
  const holder = globalThis as { [WORLD]?: World }
  holder[WORLD] ??= new World()
  return holder[WORLD]
}

const server: Plugin = async (input, options) => {
  const world = sharedWorld()
  const workspace: Workspace = { host: new Host(input), options, ours: new Set() }
  world.open(workspace)
  return hooksOf(world, workspace)
}

export default Object.assign(server, { id: "opencode-quota-sidecar", server })
