/**
 * The provider whose models are virtual: offered to the host, and never called. Where a turn or a request of one goes
 * is the sidecar's to say; a turn of which nobody can say it goes to the model's default, and its session comes back.
 */
import type { Sidecar } from "./child.ts"
import type { Config } from "./host.ts"
import type { HostFacts } from "./host-file.ts"
import { setBounded } from "./plain.ts"
import { type HostModel, ROUTER, type Target } from "./protocol.gen.ts"

const MAX_SESSIONS = 512
/** The wire of a model of which nobody has told yet. */
const GUESSED_NPM = "@ai-sdk/openai-compatible"
/** The host builds a request's URL from it, which nobody may call. */
const OPTIONS = { baseURL: `https://${ROUTER}.invalid/v1`, apiKey: "none" }

type Provider = NonNullable<Config["provider"]>[string]
type Model = NonNullable<Provider["models"]>[string]

export class Router {
  /** By session: the default that its last turn went to, and the virtual model that it is still on. */
  readonly #away = new Map<string, { chosen: Target; at: Target }>()
  readonly #sidecar: Sidecar
  readonly #facts: HostFacts

  constructor(sidecar: Sidecar, facts: HostFacts) {
    this.#sidecar = sidecar
    this.#facts = facts
  }

  /** Adds the provider to the host's, under what the user wrote there; without a model there is none. */
  offer(config: Config) {
    const { models: written, ...own }: Provider = Object(config.provider?.[ROUTER])
    const models: Record<string, Model> = {}
    for (const [id, model] of Object.entries(this.#facts.content.models)) models[id] = entryOf(model)
    for (const [id, model] of Object.entries(written ?? {})) {
      // Who stands behind it is for the sidecar, which reads the file itself.
      const { providers: _, ...more } = Object(model)
      models[id] = { ...models[id], ...more }
    }
    if (Object.keys(models).length === 0) return
    const provider = { npm: GUESSED_NPM, name: this.#facts.content.texts.router, ...own, models }
    config.provider = {
      ...config.provider,
      [ROUTER]: { ...provider, options: { ...OPTIONS, ...own.options } },
    }
  }

  /** What the session is on: what the host shows, unless that is only where we put its last turn. */
  chosenIn(sessionId: string, shown: Target): Target {
    const away = this.#away.get(sessionId)
    this.#away.delete(sessionId)
    return away && isSame(away.at, shown) ? away.chosen : shown
  }

  /** Where a turn of a virtual model goes that nobody routes. */
  standIn(sessionId: string, chosen: Target): Target {
    const model = this.#facts.content.models[chosen.modelId]
    if (!model) return chosen
    const at = { providerId: model.providerId, modelId: model.modelId }
    setBounded(this.#away, sessionId, { chosen, at }, MAX_SESSIONS)
    return at
  }

  /** The answer to a request that went nowhere, as any of the wires understands it: the host asks again by itself. */
  refusal(): Response {
    const message = this.#facts.say("notRouted", this.#sidecar.trouble)
    const body = { type: "error", error: { type: "overloaded_error", message } }
    return Response.json(body, { status: 503 })
  }
}

export function isVirtual({ providerId }: Target): boolean {
  return providerId === ROUTER
}

export function isSame(one: Target, other: Target): boolean {
  return one.providerId === other.providerId && one.modelId === other.modelId
}

/** As the host's configuration describes a model; a limit of 0 is one that it doesn't know. */
function entryOf(model: HostModel): Model {
  const { name, npm, context = 0, output = 0, inputModalities = ["text"] } = model
  return {
    name,
    provider: { npm },
    limit: { context, output },
    modalities: { input: inputModalities as ["text"], output: ["text"] },
    attachment: inputModalities.some((kind) => kind !== "text"),
    tool_call: model.takesTools ?? true,
    temperature: model.takesTemperature ?? false,
    reasoning: model.reasons ?? false,
  }
}
