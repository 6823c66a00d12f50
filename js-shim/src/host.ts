/**
 * OpenCode's side: every call to it and every shape that we take from it. A second host is a second file.
 */
import type { PluginInput } from "@opencode-ai/plugin"
import type { CatalogueModel, CatalogueProvider, Target, ToastShowParams } from "./protocol.gen.ts"

type Loose = Record<string, unknown>

/** One directory of the host. */
export class Host {
  readonly directory: string
  readonly #client: PluginInput["client"]

  constructor({ client, directory }: Pick<PluginInput, "client" | "directory">) {
    this.#client = client
    this.directory = directory
  }

  /** Its providers as they may cross: no option, no key, no URL. */
  async catalogue(): Promise<CatalogueProvider[]> {
    const { data } = await this.#client.config.providers()
    return Object.values<Loose>(Object(data).providers ?? []).map(projectProvider)
  }

  async toast({ message, variant, title }: ToastShowParams) {
    await this.#client.tui.showToast({ body: { message, variant, title } })
  }

  /** Shows text that no model will read, where we can't answer in a model's place. */
  async say(sessionId: string, agent: string, target: Target, text: string) {
    const model = { providerID: target.providerId, modelID: target.modelId }
    const parts = [{ type: "text" as const, text, ignored: true }]
    const body = { noReply: true, agent, model, parts }
    await this.#client.session.prompt({ path: { id: sessionId }, body })
  }
}

function projectProvider({ id, name, source, models }: Loose): CatalogueProvider {
  const projected = Object.values<Loose>(Object(models)).map(projectModel)
  return { id: String(id), models: projected, name: text(name), source: text(source) }
}

function projectModel(model: Loose): CatalogueModel {
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
