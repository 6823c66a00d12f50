/**
 * What the benchmarks share: a home with three providers of one model, the real sidecar in it, and how spans are
 * taken. The home's store is filled by whoever starts us.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Sidecar, type SidecarEvents } from "../src/child.ts"
import type { Host } from "../src/host.ts"
import type { CatalogueProvider } from "../src/protocol.gen.ts"
import type { Tag } from "../src/tagged-fetch.ts"

export const argv = process.argv.slice(2)
export const DIRECTORY = process.cwd()
export const HOST = { directory: DIRECTORY, headerPrefixes: [] as string[] } as Host
export const MODEL = "qwen3-coder"
export const TARGET = { providerId: "a", modelId: MODEL }
const PROVIDERS = ["a", "b", "c"]
const MODELS = 40

/** A prompt as it is after an hour of work. */
export const BODY = JSON.stringify({
  model: MODEL,
  stream: true,
  messages: [{ role: "user", content: "é".repeat(100_000) }],
})

export const child = { pid: 0 }

/** What the user has configured: a key for each provider, and limits of their own. Toasts in hundreds would be noise. */
export function configure(origins: Record<string, string>) {
  const folder = join(process.env.HOME ?? "", ".config", "opencode")
  const entry = (name: string) => ({
    npm: "@ai-sdk/openai-compatible",
    options: {
      baseURL: `${origins[name] ?? `https://${name}.example`}/v1`,
      apiKey: `key-of-${name}-0123456789`,
    },
    models: { [MODEL]: {} },
  })
  const provider = Object.fromEntries(PROVIDERS.map((name) => [name, entry(name)]))
  const limits = { requestsPerDay: 1_000_000, tokensPerDay: 1_000_000_000 }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "opencode.json"), JSON.stringify({ provider }))
  writeFileSync(
    join(folder, "quota-sidecar.jsonc"),
    JSON.stringify({ toasts: false, providers: { a: { limits } } }),
  )
}

function catalogue(): CatalogueProvider[] {
  const other = (n: number) => ({ id: `vendor/model-${n}`, limits: { context: 200_000, output: 32_000 } })
  const own = { id: MODEL, limits: { context: 262_144, output: 65_536 }, inputModalities: ["text"] }
  const models = [own, ...Array.from({ length: MODELS }, (_, n) => other(n))]
  return PROVIDERS.map((id) => ({ id, models, name: id.toUpperCase() }))
}

export function start(): Promise<Sidecar> {
  return new Promise((resolve) => {
    const events: SidecarEvents = {
      launch: () => ({ argv, source: "environment" }),
      ready: () => setImmediate(() => resolve(sidecar)),
      notified: () => {},
      stderr: () => {},
      note: (event, fields) => {
        if (event === "sidecar_spawned") child.pid = Number(fields?.child)
      },
    }
    const sidecar = new Sidecar(events, DIRECTORY)
    sidecar.start()
  })
}

export async function open(sidecar: Sidecar) {
  await sidecar.ask("workspace/open", { directory: DIRECTORY, providers: catalogue() }, 5_000)
}

/** What a user and tools need between two requests, and more. */
export const pause = () => Bun.sleep(3)

/** A request of the next message of a session. */
export function tag(): Tag {
  return { host: HOST, sessionId: "s", messageId: crypto.randomUUID(), agent: "build", target: TARGET }
}

export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export async function timed(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const spans: number[] = []
  for (let n = 0; n < times; n++) {
    const from = performance.now()
    await work()
    spans.push(performance.now() - from)
  }
  return spans
}
