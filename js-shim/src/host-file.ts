/**
 * `host.json`: what the sidecar left for the time when it can't be asked, and the words in it. Where there is none,
 * or none with all the words that we know, the copy that we came with stands in for all but the models.
 */
import { join } from "node:path"
import builtIn from "./host.gen.json" with { type: "json" }
import { type Problem, readBounded } from "./launch.ts"
import { isTexts, parsed } from "./plain.ts"
import { type HostFile, type HostModel, type HostTexts, VERSION } from "./protocol.gen.ts"

const MAX_BYTES = 1024 * 1024

type Content = HostFile & { models: Record<string, HostModel> }

export class HostFacts {
  content: Content = { ...builtIn, models: {} }
  readonly #path: string

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, "host.json")
  }

  /** Looks again. */
  read() {
    const found = parsed(readBounded(this.#path, MAX_BYTES) ?? "")
    const value = isHostFile(found) ? found : builtIn
    // Of a file of another version, which may lack a text, they are as good as ever.
    const models = Object.entries(Object(found.models)).filter(([, one]) => isHostModel(one))
    this.content = { ...value, models: Object.fromEntries(models) as Content["models"] }
  }

  /** A text with the reason and the cure of the problem. */
  say(
    text: keyof HostTexts & ("down" | "notRouted" | "notPrepared" | "notUpdated"),
    problem: Problem,
    more = {},
  ): string {
    const { kind, detail = "", command = "" } = problem
    const { problems, ...texts } = this.content.texts
    const { reason, cure } = problems[kind] ?? problems.notPrepared
    const known = { detail, command }
    const filled = { reason: fill(reason, known), cure: fill(cure, known), version: VERSION, ...more }
    return fill(texts[text], filled)
  }
}

function isHostFile(value: unknown): value is HostFile {
  const { commands, texts } = Object(value)
  const areDescribed = Object.values(Object(commands)).every((one) => isLike(one, { description: "" }))
  return commands instanceof Object && areDescribed && isLike(texts, builtIn.texts)
}

function isHostModel(value: unknown): value is HostModel {
  const { context = 0, output = 0, inputModalities = [] } = Object(value)
  const isNamed = isLike(value, { name: "", npm: "", providerId: "", modelId: "" })
  return isNamed && [context, output].every(Number.isFinite) && isTexts(inputModalities)
}

/** Whether there is all that the model has, of the same kinds. */
function isLike(value: unknown, model: object | string): boolean {
  if (typeof model === "string") return typeof value === "string"
  return Object.entries(model).every(([name, part]) => isLike(Object(value)[name], part))
}

function fill(template: string, values: Record<string, string>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
}
