/**
 * OpenCode's side: every call to it and every shape that we take from it. A second host is a second file.
 */
import type { PluginInput } from "@opencode-ai/plugin"
import type { SessionIdleParams, Target, ToastShowParams, WorkspaceOpenParams } from "./protocol.gen.ts"
import { setBounded } from "./tagged-fetch.ts"

type Loose = Record<string, unknown>
type Event = { type: string; properties: unknown }
type Facts = Omit<WorkspaceOpenParams, "directory">

const MAX_SESSIONS = 512

/** Nobody sees one in `opencode run`: it prints an answer and ends. */
export const showsToasts = !process.argv.includes("run")

/** One directory of the host. */
export class Host {
  readonly directory: string
  /** Lower-case prefixes of response headers that are wanted here, beside those wanted everywhere. */
  headerPrefixes: string[] = []
  readonly #client: PluginInput["client"]
  /** By session: the one that started it, or nothing for one that a user started. */
  readonly #parents = new Map<string, string | undefined>()

  constructor({ client, directory }: Pick<PluginInput, "client" | "directory">) {
    this.#client = client
    this.directory = directory
  }

  /** Its providers as they may cross: no option, no key, no URL. */
  async catalogue(): Promise<Facts> {
    const { data } = await this.#client.config.providers()
    return { providers: Object.values<Loose>(Object(data).providers ?? []).map(projectProvider) }
  }

  /** Its version; no method of its client asks there. */
  async version(): Promise<Facts> {
    const { data } = await Object(this.#client)._client.get({ url: "/global/health" })
    return { hostVersion: text(Object(data).version) }
  }

  /** The session that has come to rest, if the event says so; asks only for one that no event has told of. */
  async idle({ type, properties }: Event): Promise<SessionIdleParams | undefined> {
    const { info, sessionID: sessionId } = Object(properties)
    if (type === "session.created" || type === "session.updated") this.#remember(info)
    if (type !== "session.idle") return undefined
    if (!this.#parents.has(sessionId))
      this.#remember((await this.#client.session.get({ path: { id: sessionId } })).data)
    const params = { directory: this.directory, sessionId, parentId: this.#parents.get(sessionId) }
    return this.#parents.has(sessionId) ? params : undefined
  }

  #remember(session: unknown) {
    const { id, parentID } = Object(session)
    if (text(id)) setBounded(this.#parents, id, text(parentID), MAX_SESSIONS)
  }

  async toast({ message, variant, title, durationS }: ToastShowParams) {
    const duration = durationS && durationS * 1000
    await this.#client.tui.showToast({ body: { message, variant, title, duration } })
  }

  /** Shows text that no model will read, where we can't answer in a model's place. */
  async say(sessionId: string, agent: string, target: Target, text: string) {
    const model = { providerID: target.providerId, modelID: target.modelId }
    const parts = [{ type: "text" as const, text, ignored: true }]
    const body = { noReply: true, agent, model, parts }
    await this.#client.session.prompt({ path: { id: sessionId }, body })
  }
}

function projectProvider({ id, name, source, models }: Loose) {
  const projected = Object.values<Loose>(Object(models)).map(projectModel)
  return { id: String(id), models: projected, name: text(name), source: text(source) }
}

function projectModel(model: Loose) {
  const { context, output } = Object(model.limit)
  const { input, output: answer, cache } = Object(model.cost)
  const { read, write } = Object(cache)
  const takes = Object.entries(Object(Object(model.capabilities).input))
  return {
    id: String(model.id),
    name: text(model.name),
    npm: text(Object(model.api).npm),
    limits: { context: amount(context) || undefined, output: amount(output) || undefined },
    inputModalities: takes.filter(([, isTaken]) => isTaken === true).map(([kind]) => kind),
    prices: {
      input: amount(input),
      output: amount(answer),
      cacheRead: amount(read),
      cacheWrite: amount(write),
    },
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}

function amount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined
}
