/**
 * OpenCode's side: every call to it, and its types. A second host is a second file, with a class like `Host` and with
 * hooks of its own, called as `hooksOf` in index.ts does: at its start, at a command, before a turn, before a request
 * (`purposeOf`), at an event, at its end.
 */
import type { Hooks, PluginInput } from "@opencode-ai/plugin"
import { setBounded } from "./plain.ts"
import type {
  MessageFinishedParams,
  SessionErrorParams,
  SessionIdleParams,
  Target,
  ToastShowParams,
  WorkspaceOpenParams,
} from "./protocol.gen.ts"

type Loose = Record<string, unknown>
export type Event = { type: string; properties: unknown }
type HookOf<Name extends keyof Hooks> = Parameters<Extract<Hooks[Name], (...args: never[]) => unknown>>

export type { Hooks, Plugin } from "@opencode-ai/plugin"
export type Config = HookOf<"config">[0]
export type CommandBefore = HookOf<"command.execute.before">
export type ChatMessage = HookOf<"chat.message">[1]
export type Transform = HookOf<"experimental.chat.messages.transform">[1]
type Facts = Omit<WorkspaceOpenParams, "directory">
type Given = Pick<PluginInput, "client" | "directory"> & { worktree?: string }
/** How a turn ended. */
export type TurnError = Pick<SessionErrorParams, "errorName" | "errorMessage" | "status">
type UserTurn = { messageId: string; agent: string; target: Target; variant: string | undefined }

const MAX_SESSIONS = 512
/** Ends of a turn that another model would not mend: the user's own, and one that the host mends itself. */
const NOT_MENDED = ["MessageAbortedError", "ContextOverflowError"]

/** Nobody sees one in `opencode run`: it prints an answer and ends. */
export const showsToasts = !process.argv.includes("run")

/** One directory of the host. */
export class Host {
  readonly directory: string
  /** Where a project's files are: there, and in all of the repository that it is a part of. */
  readonly folders: string[]
  /** Lower-case prefixes of response headers that are wanted here, beside those wanted everywhere. */
  headerPrefixes: string[] = []
  readonly #client: PluginInput["client"]
  /** By session: the one that started it, or nothing for one that a user started. */
  readonly #parents = new Map<string, string | undefined>()

  constructor({ client, directory, worktree }: Given) {
    this.#client = client
    this.directory = directory
    // Without a repository it is the root of all.
    this.folders = worktree && worktree !== "/" ? [directory, worktree] : [directory]
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
    const parentId = await this.parentOf(sessionId)
    const params = { directory: this.directory, sessionId, parentId }
    return this.#parents.has(sessionId) ? params : undefined
  }

  async parentOf(sessionId: string): Promise<string | undefined> {
    if (!this.#parents.has(sessionId))
      this.#remember((await this.#client.session.get({ path: { id: sessionId } })).data)
    return this.#parents.get(sessionId)
  }

  /** The same as far as events have told of it, for whoever can't wait. */
  knownParentOf(sessionId: string): string | undefined {
    return this.#parents.get(sessionId)
  }

  /** An assistant's message that is complete, if the event says so; the host may say it again. */
  finished({ type, properties }: Event): MessageFinishedParams | undefined {
    const { id, sessionID, role, parentID, agent, mode, time, tokens } = Object(Object(properties).info)
    if (type !== "message.updated" || role !== "assistant" || !Object(time).completed) return undefined
    const { input, output, reasoning, cache } = Object(tokens)
    return {
      directory: this.directory,
      sessionId: String(sessionID),
      messageId: String(id),
      parentId: String(parentID),
      agent: text(agent) ?? String(mode),
      inputTokens: amount(input),
      outputTokens: (amount(output) ?? 0) + (amount(reasoning) ?? 0),
      cacheReadTokens: amount(Object(cache).read),
      cacheWriteTokens: amount(Object(cache).write),
    }
  }

  /** The session that has begun to work, if the event says so. */
  busy({ type, properties }: Event): string | undefined {
    const { sessionID, status } = Object(properties)
    return type === "session.status" && Object(status).type === "busy" ? sessionID : undefined
  }

  /** A turn that has ended with an error which another model might not have. */
  failed({ type, properties }: Event): { sessionId: string; error: TurnError } | undefined {
    const { sessionID, error } = Object(properties)
    const { name, data } = Object(error)
    if (type !== "session.error" || !text(sessionID) || NOT_MENDED.includes(name)) return undefined
    const { message, statusCode } = Object(data)
    const status = Number.isInteger(statusCode) ? statusCode : undefined
    return { sessionId: sessionID, error: { errorName: text(name), errorMessage: text(message), status } }
  }

  /** The last that the user said there. */
  async lastTurn(sessionId: string): Promise<UserTurn | undefined> {
    const { data } = await this.#client.session.messages({ path: { id: sessionId } })
    const last: unknown = data?.findLast(({ info }) => info.role === "user")?.info
    const { id, agent, model, variant } = Object(last)
    const { providerID, modelID, variant: ofModel } = Object(model)
    if (!last) return undefined
    const target = { providerId: String(providerID), modelId: String(modelID) }
    return { messageId: id, agent, target, variant: text(ofModel) ?? text(variant) }
  }

  async isIdle(sessionId: string): Promise<boolean> {
    const { data } = await this.#client.session.status()
    return (data?.[sessionId]?.type ?? "idle") === "idle"
  }

  /** Does a turn again with another model; what it has finished stays. */
  async resume(sessionId: string, { messageId, agent, variant }: UserTurn, target: Target) {
    const model = { providerID: target.providerId, modelID: target.modelId }
    const body = { messageID: messageId, model, agent, variant, parts: [] }
    await this.#client.session.promptAsync({ path: { id: sessionId }, body })
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

/** What a request to a model is for, as `chat.headers` has it. On 1.2 and 1.3 the agent comes whole, not by name. */
export function purposeOf({ sessionID, agent, model, message }: HookOf<"chat.headers">[0]) {
  const name = Object(agent).name ?? agent
  const target = { providerId: model.providerID, modelId: model.id }
  return { sessionId: sessionID, messageId: message.id, agent: String(name), target }
}

function projectProvider({ id, name, source, models }: Loose) {
  const projected = Object.values<Loose>(Object(models)).map(projectModel)
  return { id: String(id), models: projected, name: text(name), source: text(source) }
}

function projectModel(model: Loose) {
  const { context, output } = Object(model.limit)
  const { input, output: answer, cache } = Object(model.cost)
  const { read, write } = Object(cache)
  const { id: apiId, npm } = Object(model.api)
  const { input: modalities, toolcall, temperature, reasoning } = Object(model.capabilities)
  const takes = Object.entries(Object(modalities))
  return {
    id: String(model.id),
    name: text(model.name),
    apiId: apiId === model.id ? undefined : text(apiId),
    npm: text(npm),
    limits: { context: amount(context) || undefined, output: amount(output) || undefined },
    inputModalities: takes.filter(([, isTaken]) => isTaken === true).map(([kind]) => kind),
    takesTools: flag(toolcall),
    takesTemperature: flag(temperature),
    reasons: flag(reasoning),
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

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined
}

function amount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined
}
