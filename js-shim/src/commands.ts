/**
 * Slash commands without a model: offered to the host, marked when typed, answered in the model's place, and
 * dropped from every later turn. The words are the sidecar's; without it, those of `host.json`.
 */
import type { Sidecar } from "./child.ts"
import type { ChatMessage, CommandBefore, Config, Transform } from "./host.ts"
import type { HostFacts } from "./host-file.ts"
import type { Problem } from "./launch.ts"
import { setBounded } from "./plain.ts"
import type { Tag } from "./tagged-fetch.ts"

const COMMAND_MS = 15_000
const MAX_KEPT = 256
const MARK = "opencode-quota-sidecar"
const STATUS = "quota_status"

type Typed = { command: string; arguments: string; amidWork?: boolean }
type Turn = Transform["messages"][number]

export class Commands {
  /** By message id: what was typed, and what was said to it. */
  #typed = new Map<string, Typed>()
  #answers = new Map<string, Promise<string>>()
  readonly #sidecar: Sidecar
  readonly #facts: HostFacts
  readonly #logPath: string
  readonly #notUpdated: () => Problem | undefined

  /** `notUpdated`: why the sidecar is of another version; that one can't know. */
  constructor(sidecar: Sidecar, facts: HostFacts, logPath: string, notUpdated: () => Problem | undefined) {
    this.#sidecar = sidecar
    this.#facts = facts
    this.#logPath = logPath
    this.#notUpdated = notUpdated
  }

  /** Adds ours to the host's, but for the names that the user has taken; returns those added. */
  offer(config: Config): Set<string> {
    config.command ??= {}
    const ours = new Set<string>()
    for (const [name, { description }] of Object.entries(this.#facts.content.commands)) {
      if (Object.hasOwn(config.command, name)) continue
      config.command[name] = { template: `/${name} $ARGUMENTS`, description }
      ours.add(name)
    }
    return ours
  }

  /** The typed line as one part that carries our mark; the host keeps it with the message. */
  markParts(...[{ command, arguments: typed }, { parts }]: CommandBefore) {
    const metadata = { [MARK]: { command, arguments: typed } }
    const part = { type: "text", text: `/${command} ${typed}`.trim(), metadata }
    parts.splice(0, parts.length, part as unknown as Turn["parts"][number])
  }

  /** Whether the message is one of our commands. */
  markMessage({ message, parts }: ChatMessage): boolean {
    const typed = markOf(parts)
    if (typed) setBounded(this.#typed, message.id, typed, MAX_KEPT)
    return typed !== undefined
  }

  /** What the user typed, if this request is for one of our commands. */
  typedIn({ messageId, agent }: Tag): Typed | undefined {
    return agent === "compaction" ? undefined : this.#typed.get(messageId)
  }

  /** Asked once for each message; whoever asks again gets the same text. */
  answer(typed: Typed, tag: Tag, signal: AbortSignal | undefined): Promise<string> {
    const known = this.#answers.get(tag.messageId)
    if (known) return known
    const answer = this.#ask(typed, tag, signal)
    setBounded(this.#answers, tag.messageId, answer, MAX_KEPT)
    answer.catch(() => this.#answers.delete(tag.messageId))
    return answer
  }

  /**
   * Takes our questions and their answers out of a turn, but for the one that is being answered. Typed while the
   * model had work to do, that one is answered in between: what the model owes is asked for right after it.
   */
  forget({ messages }: Transform) {
    const current = messages.findLast(({ info }) => info.role === "user")?.info.id
    const gone = new Set<string>()
    for (const { info, parts } of messages) {
      if (info.role !== "user" || !markOf(parts)) continue
      const answer = messages.find((turn) => parentOf(turn.info) === info.id)?.info
      if (info.id === current && !hasEnded(answer)) continue
      gone.add(info.id)
      if (answer && isFree(answer)) gone.add(answer.id)
    }
    const kept = messages.filter(({ info }) => !gone.has(info.id))
    messages.splice(0, messages.length, ...kept)
    const before = kept[kept.findIndex(({ info }) => info.id === current) - 1]
    const typed = this.#typed.get(current ?? "")
    if (typed && before) typed.amidWork = isOwed(before.info)
  }

  /** The next request of this message is the model's own. */
  settle({ messageId }: Tag) {
    this.#typed.delete(messageId)
  }

  async #ask(typed: Typed, tag: Tag, signal: AbortSignal | undefined): Promise<string> {
    const { host, sessionId, messageId, target } = tag
    const { command, arguments: words } = typed
    const params = { directory: host.directory, sessionId, messageId, command, arguments: words, target }
    const until = performance.now() + COMMAND_MS
    const left = () => Math.max(0, until - performance.now())
    const ask = async () =>
      (await this.#sidecar.isReady(left(), signal, "or prepared"))
        ? this.#sidecar.ask("command/execute", params, left(), signal)
        : undefined
    let reply = await ask()
    // After an update it is replaced, whatever it is being asked: who comes after it says the same.
    if (!reply && this.#sidecar.state === "starting" && !signal?.aborted) reply = await ask()
    signal?.throwIfAborted()
    const { text } = Object(reply?.result)
    const outdated = command === STATUS ? this.#notUpdated() : undefined
    if (typeof text === "string" && outdated) return `${text}\n\n${this.#facts.say("notUpdated", outdated)}`
    if (typeof text === "string") return text
    if (reply) return this.#down({ kind: "failed", detail: reply.error?.message ?? "command/execute" })
    return this.#down(this.#sidecar.trouble)
  }

  #down(problem: Problem): string {
    return this.#facts.say("down", problem, { log: this.#logPath })
  }
}

function markOf(parts: Turn["parts"]): Typed | undefined {
  for (const part of parts) {
    const mark = part.type === "text" ? Object(part.metadata?.[MARK]) : {}
    if (typeof mark.command === "string")
      return { command: mark.command, arguments: String(mark.arguments ?? "") }
  }
  return undefined
}

function parentOf(info: Turn["info"]): string | undefined {
  return info.role === "assistant" ? info.parentID : undefined
}

function hasEnded(info: Turn["info"] | undefined): boolean {
  return info?.role === "assistant" && info.time.completed !== undefined
}

/** As every answer of ours is; one of the model's, asked for after it, isn't. */
function isFree(info: Turn["info"]): boolean {
  return info.role === "assistant" && info.tokens.output === 0
}

/** Whether the model still has to say something after this: to a prompt, or to its tools' results. */
function isOwed(info: Turn["info"]): boolean {
  return info.role === "user" || (!info.error && ["tool-calls", "unknown", undefined].includes(info.finish))
}
