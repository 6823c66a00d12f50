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
    return list(Object(data).providers).map(projectProvider)
  }

  async toast({ message, variant, title, durationS }: ToastShowParams) {
    const timing = durationS === undefined ? {} : { duration: durationS * 1000 }
    await this.#client.tui.showToast({ body: { message, variant, ...(title ? { title } : {}), ...timing } })
  }

  /** Shows text that no model will read, where we can't answer in a model's place. */
  async say(sessionId: string, agent: string, target: Target, text: string) {
    const model = { providerID: target.providerId, modelID: target.modelId }
    const parts = [{ type: "text" as const, text, ignored: true }]
    await this.#client.session.prompt({
      path: { id: sessionId },
      body: { noReply: true, agent, model, parts },
    })
  }
}

function projectProvider(provider: Loose): CatalogueProvider {
  const models = Object.values(Object(provider.models) as Record<string, Loose>).map(projectModel)
  const { name, source } = provider
  return known({ id: String(provider.id), models, name: text(name), source: text(source) })
}

function projectModel(model: Loose): CatalogueModel {
  const { context, output } = Object(model.limit)
  const price = Object(model.cost)
  const { read, write } = Object(price.cache)
  const input = Object(Object(model.capabilities).input) as Loose
  return known({
    id: String(model.id),
    name: text(model.name),
    npm: text(Object(model.api).npm),
    limits: known({ context: amount(context) || undefined, output: amount(output) || undefined }),
    inputModalities: Object.keys(input).filter((kind) => input[kind] === true),
    prices: known({
      input: amount(price.input),
      output: amount(price.output),
      cacheRead: amount(read),
      cacheWrite: amount(write),
    }),
  })
}

type Known<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

/** Unknown is absent on the wire, never null. */
function known<T extends object>(fields: T): Known<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Known<T>
}

function list(value: unknown): Loose[] {
  return Array.isArray(value) ? value : []
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined
}

function amount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined
}
