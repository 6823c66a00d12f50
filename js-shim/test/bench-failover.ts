/**
 * Measures the way from a refusal to the next request: two loopback gateways in this process, whose clock says when
 * A had refused and when B was asked.
 */
import { PlannedRequest } from "../src/attempts.ts"
import type { Sidecar } from "../src/child.ts"
import { headerFor, replaceFetch, type Tags } from "../src/tagged-fetch.ts"
import { BODY, DIRECTORY, pause, tag } from "./bench-bed.ts"

const WARM = 30
const TIMES = 300
const PATH = "/v1/chat/completions"
const REFUSAL = JSON.stringify({ error: { message: "Rate limit reached", type: "requests" } })
const ANSWER = `data: {"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\n`

const at = { refused: 0, asked: 0, times: 0 }

function gateway(answer: () => Response) {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      if (request.url.includes("/b/")) Object.assign(at, { asked: performance.now(), times: at.times + 1 })
      await request.text()
      return answer()
    },
  })
}

export function gateways() {
  const a = gateway(() => {
    at.refused = performance.now()
    return new Response(REFUSAL, { status: 429, headers: { "retry-after": "3600" } })
  })
  const b = gateway(() => new Response(ANSWER, { headers: { "content-type": "text/event-stream" } }))
  const origins = { a: `http://127.0.0.1:${a.port}`, b: `http://127.0.0.1:${b.port}/b` }
  return { origins, stop: () => Promise.all([a.stop(true), b.stop(true)]) }
}

/** Milliseconds by way of the sidecar, and those of a program that knows at once where it goes on. */
export async function failovers(sidecar: Sidecar, origins: { a: string; b: string }) {
  const realFetch = globalThis.fetch
  const tags: Tags = new Map()
  replaceFetch(
    tags,
    async (request) => (await new PlannedRequest(sidecar, request, () => {}).send()) as Response,
  )
  const ours: number[] = []
  const bare: number[] = []
  const init = { method: "POST", body: BODY }
  for (let n = 0; n < WARM + TIMES; n++) {
    const before = at.times
    const response = await fetch(origins.a + PATH, { ...init, headers: headerFor(tags, tag()) })
    await response.text()
    // On a machine that is busy enough the sidecar misses a deadline, and the refusal is the host's.
    if (at.times === before + 1) ours.push(at.asked - at.refused)
    const refusal = await realFetch(origins.a + PATH, init)
    await refusal.text()
    await (await realFetch(origins.b + PATH, init)).text()
    bare.push(at.asked - at.refused)
    await forget(sidecar)
    await pause()
  }
  globalThis.fetch = realFetch
  return { ours: ours.slice(WARM), bare: bare.slice(WARM) }
}

/** So that A is asked again: as the user would. */
async function forget(sidecar: Sidecar) {
  const ids = { directory: DIRECTORY, sessionId: "s", messageId: crypto.randomUUID() }
  await sidecar.ask("command/execute", { ...ids, command: "rate_limit_reset", arguments: "a" }, 5_000)
}
