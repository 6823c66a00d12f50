/** What tests of the shim stand on: time that they move, a sidecar that says what they want, upstreams on loopback. */
import type { Sidecar } from "../src/child.ts"
import type { Host } from "../src/host.ts"
import type { Clock } from "../src/rpc.ts"
import type { Tag } from "../src/tagged-fetch.ts"

/** Time stands still until a test moves it; real pipes and processes go on by themselves. */
export class FakeClock implements Clock {
  #now = 0
  #timers = new Set<{ at: number; fn: () => void }>()

  now = () => this.#now

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

type Answer = unknown | ((params: never) => unknown)
export type Asked = { method: string; params: Record<string, never>; ms?: number }

/** A sidecar that gives these answers to `request/plan` and `request/failed`, in turn; then it misses. */
export function sidecarSaying(...answers: Answer[]) {
  const asked: Asked[] = []
  const told: Record<string, unknown>[] = []
  const sidecar = {
    state: "healthy",
    headerPrefixes: ["x-ratelimit-", "retry-after"],
    async ask(method: string, params: never, ms: number) {
      asked.push({ method, params, ms })
      const answer = answers.shift()
      const plan = typeof answer === "function" ? await answer(params) : answer
      return plan === undefined ? undefined : { result: { plan } }
    },
    tell: (method: string, params: object) => void told.push({ method, ...params }),
  }
  return {
    sidecar: sidecar as unknown as Sidecar,
    asked,
    told,
    state: (state: string) => (sidecar.state = state),
  }
}

/** Waits for what comes from real sockets; fails after five seconds. */
export async function until(holds: () => unknown, what = String(holds)): Promise<void> {
  for (let left = 5000; !holds(); left -= 1) {
    if (left === 0) throw new Error(`not within 5 s: ${what}`)
    await Bun.sleep(1)
  }
}

type Socket = { write(data: string | Uint8Array): number; end(): void; terminate(): void }
export type Upstream = {
  url: string
  /** What came, each as its raw text. */
  requests: string[]
  /** How many connections the other side has closed. */
  closed: number
  stop(): void
}

const running: Upstream[] = []

export function stopUpstreams() {
  for (const upstream of running.splice(0)) upstream.stop()
}

/** A server of raw bytes: `answer` gets each whole request, and the connection that it came by. */
export function upstream(
  answer: (socket: Socket, request: string) => unknown,
  path = "/v1/chat/completions",
) {
  const server = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { text: "" }
      },
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1")
        const { text } = socket.data
        const headEnd = text.indexOf("\r\n\r\n") + 4
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (headEnd < 4 || text.length < headEnd + length) return
        socket.data.text = text.slice(headEnd + length)
        one.requests.push(text)
        answer(socket, text)
      },
      close: () => {
        one.closed += 1
      },
    },
  })
  const url = `http://127.0.0.1:${server.port}${path}`
  const one: Upstream = { url, requests: [], closed: 0, stop: () => server.stop(true) }
  running.push(one)
  return one
}

export function head(status: number, headers: Record<string, string> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Some\r\n${lines.join("")}`
}

/** A whole response. */
export function whole(status: number, body: string, headers: Record<string, string> = {}): string {
  const length = String(Buffer.byteLength(body))
  return `${head(status, { ...headers, "content-length": length })}\r\n${body}`
}

/** The beginning of a streamed response; what follows are `chunk`s and `END`. */
export const STREAM = `${head(200, { "content-type": "text/event-stream", "transfer-encoding": "chunked" })}\r\n`
export const END = "0\r\n\r\n"

export function chunk(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data as string)
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")])
}
