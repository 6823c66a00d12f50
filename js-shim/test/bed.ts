/** What tests of the request path stand on: time that they move, and a sidecar that says what they want. */
import { PlannedRequest } from "../src/attempts.ts"
import type { Sidecar } from "../src/child.ts"
import type { Host } from "../src/host.ts"
import type { Target } from "../src/protocol.gen.ts"
import type { Clock } from "../src/rpc.ts"
import { headerFor, replaceFetch, type Tag, type TaggedRequest, type Tags } from "../src/tagged-fetch.ts"
import { stopUpstreams } from "./upstreams.ts"

/** Time stands still until a test moves it; real pipes and processes go on by themselves. */
export class FakeClock implements Clock {
  #now = 0
  #timers = new Set<{ at: number; fn: () => void }>()

  /** How often somebody has looked at it: whoever gets something new does. */
  looks = 0

  now = () => {
    this.looks += 1
    return this.#now
  }

  after = (ms: number, fn: () => void) => {
    const timer = { at: this.#now + ms, fn }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** How many wait. */
  get waiting(): number {
    return this.#timers.size
  }

  /** One tick at a time, as a real clock would. */
  async pass(ms: number) {
    for (const end = this.#now + ms; this.#now < end; await Bun.sleep(0)) {
      this.#now = Math.min(end, Math.min(...[...this.#timers].map(({ at }) => at), end))
      for (const timer of [...this.#timers])
        if (timer.at <= this.#now && this.#timers.delete(timer)) timer.fn()
    }
  }
}

export const OWN = { providerId: "own", modelId: "m" }
export const OTHER = { providerId: "other", modelId: "n" }

export const tag: Tag = {
  host: { directory: "/d", headerPrefixes: ["x-quota-"] } as Host,
  sessionId: "s",
  messageId: "m",
  agent: "build",
  target: OWN,
}

/** What the host gets of a request that can be sent nowhere. */
const NOWHERE = new Response("nowhere", { status: 503 })

export const PASS = { kind: "pass" }
export const BODY = '{"model":"m","stream":true,"messages":[]}'

/** A `send` plan. */
export const send = (url: string, more: object = {}) => ({
  kind: "send",
  target: OTHER,
  url,
  headers: {},
  ...more,
})

export type Asked = { method: string; params: Record<string, unknown>; ms: number }

/** A sidecar that answers `request/plan` and `request/failed` with these plans, in turn; then it misses. */
export function sidecarSaying(...plans: unknown[]) {
  const asked: Asked[] = []
  const told: Record<string, unknown>[] = []
  const sidecar = {
    state: "healthy",
    headerPrefixes: ["x-ratelimit-", "retry-after"],
    /** As the real one, but for one that is being started: that takes as long as a test wants. */
    async isReady() {
      return this.state === "healthy" || this.state === "suspect"
    },
    async ask(method: string, params: Record<string, unknown>, ms: number) {
      asked.push({ method, params, ms })
      const plan = plans.shift()
      const said = typeof plan === "function" ? await plan() : plan
      return said === undefined ? undefined : { result: { plan: said } }
    },
    tell: (method: string, params: object) => void told.push({ method, ...params }),
  }
  return { sidecar: sidecar as unknown as Sidecar & { state: string }, asked, told }
}

const realFetch = globalThis.fetch

/** A world whose sidecar says these plans; `ask` is the host's request. `tidy` ends it. */
export const world = (...plans: unknown[]) => worldOn(realFetch, ...plans)

/** The same over another `fetch` than the real one. */
export function worldOn(real: unknown, ...plans: unknown[]) {
  const clock = new FakeClock()
  const notes: unknown[] = []
  const said = sidecarSaying(...plans)
  const tags: Tags = new Map()
  globalThis.fetch = real as typeof fetch
  const note = (...note: unknown[]) => void notes.push(note)
  const send = (request: TaggedRequest) => new PlannedRequest(said.sidecar, request, note, clock).send()
  replaceFetch(tags, async (request) => (await send(request)) ?? NOWHERE.clone())
  /** `target` is the model that the host asks. */
  const ask = (url: string, { target = OWN, ...init }: RequestInit & { target?: Target } = {}) => {
    const headers = { "content-type": "application/json", ...headerFor(tags, { ...tag, target }) }
    return fetch(url, { method: "POST", body: BODY, ...init, headers: { ...headers, ...init.headers } })
  }
  return { ...said, clock, notes, ask }
}

export function tidy() {
  globalThis.fetch = realFetch
  stopUpstreams()
}

/** Waits for what comes from real sockets; fails after five seconds. */
export async function until(holds: () => unknown, what = String(holds)): Promise<void> {
  for (let left = 5000; !holds(); left -= 1) {
    if (left === 0) throw new Error(`not within 5 s: ${what}`)
    await Bun.sleep(1)
  }
}

/** A plan with a limit on silence. */
export const timed = (plan: object) => ({ ...plan, headersTimeoutS: 90 })

/** Says it, and waits until it has been heard. */
export async function hear(clock: FakeClock, say: () => void) {
  const { looks } = clock
  say()
  await until(() => clock.looks > looks, "something is heard")
}

export async function textOf(response: Response): Promise<{ text: string; error?: unknown }> {
  const decoder = new TextDecoder()
  let text = ""
  try {
    for await (const part of response.body ?? []) text += decoder.decode(part, { stream: true })
    return { text }
  } catch (error) {
    return { text, error }
  }
}
