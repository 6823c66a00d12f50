/**
 * What a stream says before its first content: whether an event only opens it, is an error in the answer's place, or
 * is content. One row per wire; what nobody has heard of is content.
 */
import { parsed } from "./plain.ts"
import type { Wire } from "./replies.ts"

export type Said = "preamble" | "content" | { error: string }
type Loose = Record<string, unknown>

/** Whether this event only opens the stream. */
const OPENS: Record<Wire, (data: Loose) => boolean> = {
  "openai-chat": ({ choices }) => Array.isArray(choices) && choices.every(isEmptyChoice),
  "openai-responses": ({ type }) =>
    ["response.created", "response.in_progress", "response.queued"].includes(String(type)),
  "anthropic-messages": ({ type }) => type === "message_start" || type === "ping",
  other: () => false,
}

/** Reads server-sent events as they come, cut anywhere, and says of each piece what is the first that matters in it. */
export class Preamble {
  #decoder = new TextDecoder()
  #rest = ""
  #name = ""
  #data: string[] = []
  readonly #wire: Wire

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** Without a piece: the stream has ended, and what stands there is all. */
  push(piece?: Uint8Array): Said {
    const text = this.#rest + (piece ? this.#decoder.decode(piece, { stream: true }) : "\n\n")
    // A CR at the very end may be half of a CRLF.
    const lines = text.split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ""
    for (const line of lines) {
      const said = this.#line(line)
      if (said !== "preamble") return said
    }
    return "preamble"
  }

  #line(line: string): Said {
    if (line === "") return this.#dispatch()
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === "event") this.#name = value
    // An error may stand there bare, whatever the response says that it is.
    else if (line.startsWith('{"')) this.#data.push(line)
    else if (field === "data") this.#data.push(value)
    return "preamble"
  }

  #dispatch(): Said {
    const [name, data] = [this.#name, this.#data.join("\n")]
    this.#name = ""
    this.#data = []
    if (name === "error") return { error: data }
    return data === "" || data === "[DONE]" || name === "ping" ? "preamble" : this.#judge(data)
  }

  #judge(data: string): Said {
    const value = parsed(data)
    if (isError(value)) return { error: data }
    return OPENS[this.#wire](value) ? "preamble" : "content"
  }
}

/** Whether a whole answer, which is no stream, is an error under a status that says otherwise. */
export function isErrorBody(text: string): boolean {
  const value = parsed(text)
  return isError(value) && !["choices", "content", "output"].some((name) => value[name])
}

/** In any wire's way, as gateways mix them; the last is Bedrock's. */
function isError(value: Loose): boolean {
  const { error, type } = value
  if (error || type === "error" || type === "response.failed") return true
  return Object.keys(value).some((name) => /exception$/i.test(name))
}

function isEmptyChoice(choice: unknown): boolean {
  const { delta, finish_reason: end } = Object(choice)
  const said = Object.entries(Object(delta)).filter(([name]) => name !== "role")
  return delta instanceof Object && !end && said.every(([, value]) => isEmpty(value))
}

function isEmpty(value: unknown): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0)
}
