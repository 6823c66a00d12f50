/**
 * Measures the shim's half of the budgets on the real sidecar, and prints the figures as JSON. `make bench` runs
 * it with the sidecar's command as arguments.
 */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { PlannedRequest } from "../src/attempts.ts"
import type { Sidecar } from "../src/child.ts"
import { headerFor, replaceFetch, type Tags } from "../src/tagged-fetch.ts"
import {
  argv,
  BODY,
  child,
  configure,
  DIRECTORY,
  open,
  pause,
  quantile,
  start,
  tag,
  timed,
} from "./bench-bed.ts"
import { failovers, gateways } from "./bench-failover.ts"

const realFetch = globalThis.fetch

const CHUNKS = 20
/** What a stream says: characters of several bytes, so that a chunk may end inside one. */
const CHUNK = `data: {"choices":[{"delta":{"content":"häß😀${"x".repeat(400)}"}}]}\n\n`
/** What a gateway says before it begins to answer. */
const PREAMBLE = `: processing\n\ndata: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n`

async function starts(): Promise<number[]> {
  const spans: number[] = []
  for (let n = 0; n < 15; n++) {
    const from = performance.now()
    const sidecar = await start()
    spans.push(performance.now() - from)
    await sidecar.stop()
  }
  return spans
}

/** Lines a second when they are sent without waiting; the floor is a Python that sends each line back as it is. */
async function linesPerSecond(command: string[], hello?: object): Promise<number> {
  const echo = spawn(command[0] ?? "python3", command.slice(1), {
    cwd: DIRECTORY,
    stdio: ["pipe", "pipe", "ignore"],
  })
  let missing = 0
  let arrived = () => {}
  echo.stdout.on("data", (chunk: Uint8Array) => {
    for (const byte of chunk) if (byte === 10) missing -= 1
    if (missing <= 0) arrived()
  })
  const send = (lines: string[]) =>
    new Promise<void>((resolve) => {
      missing = lines.length
      arrived = resolve
      echo.stdin.write(lines.join(""))
    })
  const line = (id: number, method: string, params: object) =>
    `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`
  if (hello) await send([line(0, "initialize", hello)])
  const pings = Array.from({ length: 30_000 }, (_, id) => line(id, "ping", {}))
  await send(pings.slice(0, 5_000))
  const best = Math.min(...(await timed(5, () => send(pings))))
  echo.stdin.end()
  return (pings.length / best) * 1000
}

const ECHO = "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.flush()"

/** From `fetch` being called to the request leaving, with a real body and a real plan. */
async function requestPath(sidecar: Sidecar, url: string) {
  let leftAt = 0
  globalThis.fetch = Object.assign(
    async () => {
      leftAt = performance.now()
      return new Response(CHUNK, { headers: { "content-type": "text/event-stream" } })
    },
    { preconnect: () => {} },
  ) as typeof fetch
  const tags: Tags = new Map()
  replaceFetch(
    tags,
    async (request) => (await new PlannedRequest(sidecar, request, () => {}).send()) as Response,
  )
  const once = async () => {
    const headers = headerFor(tags, tag())
    const from = performance.now()
    await fetch(url, { method: "POST", headers, body: BODY })
    return leftAt - from
  }
  const added: number[] = []
  for (let n = 0; n < 1200; n++) {
    added.push(await once())
    await pause()
  }
  process.kill(child.pid, "SIGSTOP")
  const hungFirst = await once()
  const hungNext: number[] = []
  for (let n = 0; n < 200; n++) hungNext.push(await once())
  process.kill(child.pid, "SIGCONT")
  globalThis.fetch = realFetch
  return { added: added.slice(200), hungFirst, hungNext }
}

/** The same stream with and without us, in turn: is it the same, and how late is its first byte? */
async function streams(sidecar: Sidecar) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            controller.enqueue(Buffer.from(PREAMBLE))
            await Bun.sleep(1)
            const bytes = Buffer.from(CHUNK.repeat(CHUNKS))
            for (let at = 0; at < bytes.length; at += 509) controller.enqueue(bytes.subarray(at, at + 509))
            controller.close()
          },
        }),
        { headers: { "content-type": "text/event-stream" } },
      ),
  })
  const tags: Tags = new Map()
  replaceFetch(
    tags,
    async (request) => (await new PlannedRequest(sidecar, request, () => {}).send()) as Response,
  )
  const spans: { plain: number[]; ours: number[] } = { plain: [], ours: [] }
  let areSame = true
  const once = async (how: "plain" | "ours") => {
    const headers: Record<string, string> = how === "ours" ? headerFor(tags, tag()) : {}
    const from = performance.now()
    const response = await fetch(`http://127.0.0.1:${server.port}/v1/chat/completions`, {
      method: "POST",
      headers,
      body: BODY,
    })
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of response.body ?? []) {
      if (size <= PREAMBLE.length && size + part.length > PREAMBLE.length)
        spans[how].push(performance.now() - from)
      size += part.length
      parts.push(part)
    }
    areSame &&= Buffer.concat(parts).equals(Buffer.from(PREAMBLE + CHUNK.repeat(CHUNKS)))
  }
  for (let n = 0; n < 400; n++) {
    await once("plain")
    await pause()
    await once("ours")
    await pause()
  }
  globalThis.fetch = realFetch
  await server.stop(true)
  return { plain: spans.plain.slice(50), ours: spans.ours.slice(50), areSame }
}

function residentMb(): number | undefined {
  try {
    const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]
    return Number(kb) / 1024
  } catch {
    return undefined
  }
}

const { origins, stop } = gateways()
configure(origins)
const ready = await starts()
const sidecar = await start()
await open(sidecar)
await Bun.sleep(500)
const restMb = residentMb()
const ping = () => sidecar.ask("ping", {}, 5_000)
await timed(500, ping)
const rounds = await timed(6000, ping)
const echoRate = await linesPerSecond([argv[0] ?? "python3", "-I", "-c", ECHO])
const rate = await linesPerSecond(argv, { protocolMajor: 1, shimVersion: "0" })
const path = await requestPath(sidecar, `${origins.a}/v1/chat/completions`)
await timed(1, ping)
const stream = await streams(sidecar)
const failover = await failovers(sidecar, origins)
await sidecar.stop()
await stop()

console.log(
  JSON.stringify({
    readyP50: quantile(ready, 0.5),
    readyMax: Math.max(...ready),
    restMb,
    roundP50: quantile(rounds, 0.5),
    roundP99: quantile(rounds, 0.99),
    rate,
    echoRate,
    pathP50: quantile(path.added, 0.5),
    pathP99: quantile(path.added, 0.99),
    hungFirst: path.hungFirst,
    hungNextMax: Math.max(...path.hungNext),
    failoverP50: quantile(failover.ours, 0.5),
    failoverP99: quantile(failover.ours, 0.99),
    failovers: failover.ours.length,
    bareP50: quantile(failover.bare, 0.5),
    firstByteAddedP95: quantile(stream.ours, 0.95) - quantile(stream.plain, 0.95),
    firstBytePlainP95: quantile(stream.plain, 0.95),
    areSame: stream.areSame,
  }),
)
process.exit(0)
