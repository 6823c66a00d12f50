/**
 * OpenCode's side: every call to it. A second host is a second file.
 */
import type { PluginInput } from "@opencode-ai/plugin"
import type { Target, ToastShowParams } from "./protocol.gen.ts"

/** One directory of the host. */
export class Host {
  readonly directory: string
  readonly #client: PluginInput["client"]

  constructor({ client, directory }: Pick<PluginInput, "client" | "directory">) {
    this.#client = client
    this.directory = directory
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
