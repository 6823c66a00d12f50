import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ErrorCode } from "../src/protocol.gen.ts"
import { ended, sidecarWith } from "./sidecars.ts"

const execute = { directory: "/d", sessionId: "s", messageId: "m", command: "quota_status", arguments: "" }

test("it is greeted, asked and told, and ends at EOF", async () => {
  const { sidecar, seen, notified, notes, stderr } = sidecarWith({
    startLine: "hello",
    on: {
      "command/execute": {
        say: [{ jsonrpc: "2.0", method: "toast/show", params: { a: 1 } }],
        result: { text: "t" },
      },
    },
  })
  sidecar.start()
  sidecar.start()
  expect([await sidecar.isReady(1000), sidecar.state, sidecar.headerPrefixes]).toEqual([
    true,
    "healthy",
    ["x-ratelimit-", "retry-after"],
  ])
  expect(await sidecar.ask("command/execute", execute, 1000)).toEqual({ result: { text: "t" } })
  expect([notified, stderr]).toEqual([[["toast/show", { a: 1 }]], ["hello\n"]])
  await sidecar.stop()
  await seen("sidecar_spawned")
  expect([sidecar.state, notes.map(({ event }) => event)]).toEqual([
    "stopped",
    ["sidecar_spawned", "sidecar_ready"],
  ])
})

test("after everything was closed it starts again", async () => {
  const { sidecar, seen } = sidecarWith({})
  sidecar.start()
  await seen("sidecar_ready")
  await sidecar.stop()
  sidecar.start()
  await seen("sidecar_ready", 2)
  expect(sidecar.state).toBe("healthy")
})

test("what is told while it starts arrives after the handshake, though it is replaced, and what a dead one is told never", async () => {
  const log = join(mkdtempSync(join(tmpdir(), "child-")), "wire")
  const mute = { on: { initialize: "silence" } }
  const { sidecar, clock, seen } = sidecarWith({ dieAtOnce: true }, mute, { log })
  const rests = (sessionId: string) => sidecar.tell("session/idle", { directory: "/d", sessionId })
  sidecar.start()
  rests("as it dies")
  await seen("sidecar_dead")
  rests("dead")
  await clock.pass(500)
  rests("early")
  const replaced = sidecar.restart()
  await Bun.sleep(0)
  rests("starting")
  expect(await sidecar.isReady(5_000)).toBe(true)
  rests("ready")
  await sidecar.ask("ping", {}, 1000)
  const heard = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(heard.map(({ method, params }) => params.sessionId ?? method)).toEqual([
    ...["initialize", "early", "starting", "ready", "ping"],
  ])
  await clock.pass(1_000)
  await replaced
})

test("one that ignores EOF is killed a second later", async () => {
  const { sidecar, clock, seen, pidOf } = sidecarWith({ ignoreEof: true })
  sidecar.start()
  await seen("sidecar_ready")
  const stopped = sidecar.stop()
  await clock.pass(1000)
  await stopped
  await ended(pidOf())
})

test("a missed deadline makes it suspect, any answer makes it healthy again", async () => {
  const { sidecar, clock, seen } = sidecarWith({ on: { "request/plan": "silence", ping: "silence" } })
  sidecar.start()
  await seen("sidecar_ready")
  const missed = sidecar.ask("request/plan", {} as never, 250)
  await clock.pass(250)
  expect([await missed, sidecar.state]).toEqual([undefined, "suspect"])
  expect(await sidecar.ask("workspace/close", { directory: "/d" }, 250)).toEqual({ result: {} })
  expect(sidecar.state).toBe("healthy")
})

test("five seconds without an answer kill it, and it comes back", async () => {
  const { sidecar, clock, seen, notes, pidOf } = sidecarWith({})
  sidecar.start()
  await seen("sidecar_ready")
  const hung = pidOf()
  process.kill(hung, "SIGSTOP")
  const missed = sidecar.ask("request/plan", {} as never, 250)
  await clock.pass(250)
  await missed
  await clock.pass(4_999)
  expect([sidecar.state, sidecar.trouble]).toEqual(["suspect", { kind: "noAnswer" }])
  await clock.pass(1)
  expect([sidecar.state, sidecar.problem]).toEqual(["dead", { kind: "noAnswer" }])
  await ended(hung)
  await clock.pass(500)
  await seen("sidecar_ready", 2)
  expect(notes.find(({ event }) => event === "sidecar_dead")).toEqual({
    event: "sidecar_dead",
    kind: "noAnswer",
    againInMs: 500,
  })
})

test("a caller who gives up leaves it healthy", async () => {
  const { sidecar, seen } = sidecarWith({ on: { "command/execute": "silence" } })
  sidecar.start()
  await seen("sidecar_ready")
  const controller = new AbortController()
  const asked = sidecar.ask("command/execute", execute, 15_000, controller.signal)
  controller.abort()
  expect([await asked, sidecar.state]).toEqual([undefined, "healthy"])
})

test("each death doubles the wait, up to 30 seconds", async () => {
  const { sidecar, clock, seen, notes } = sidecarWith({ dieAtOnce: true })
  sidecar.start()
  for (let deaths = 1; deaths <= 8; deaths++) {
    await seen("sidecar_dead", deaths)
    await clock.pass(30_000)
  }
  const waits = notes.filter(({ event }) => event === "sidecar_dead").map(({ againInMs }) => againInMs)
  expect(waits.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  expect(notes.find(({ event }) => event === "sidecar_dead")).toMatchObject({ kind: "exited", detail: "7" })
})

test("a sound life of a minute starts the doubling anew", async () => {
  const { sidecar, clock, seen, notes } = sidecarWith({ dieAtOnce: true }, { on: { ping: "exit" } })
  sidecar.start()
  await seen("sidecar_dead")
  await clock.pass(500)
  await seen("sidecar_ready")
  await clock.pass(60_001)
  expect(await sidecar.ask("ping", {}, 250)).toBeUndefined()
  await seen("sidecar_dead", 2)
  expect(notes.findLast(({ event }) => event === "sidecar_dead")).toMatchObject({
    kind: "exited",
    detail: "1",
    againInMs: 500,
  })
})

test("while it starts or is dead, nobody waits", async () => {
  const { sidecar, seen } = sidecarWith({ dieAtOnce: true })
  sidecar.start()
  expect(await sidecar.ask("request/plan", {} as never, 250)).toBeUndefined()
  await seen("sidecar_dead")
  expect(await sidecar.ask("request/plan", {} as never, 250)).toBeUndefined()
})

test("a command wakes a dead one instead of waiting for its turn", async () => {
  const { sidecar, seen } = sidecarWith({ dieAtOnce: true }, {})
  sidecar.start()
  await seen("sidecar_dead")
  expect(await sidecar.isReady(15_000)).toBe(true)
})

test("another protocol is not tried again by itself", async () => {
  const refused = { error: { code: ErrorCode.PROTOCOL_MISMATCH, message: "protocol 2" } }
  const { sidecar, clock, seen, notes } = sidecarWith({ on: { initialize: refused } })
  sidecar.start()
  await seen("sidecar_dead")
  await clock.pass(120_000)
  expect(sidecar.problem).toEqual({ kind: "otherProtocol", detail: "protocol 2" })
  expect(notes.filter(({ event }) => event === "sidecar_spawned").length).toBe(1)
})

test("a greeting that makes no sense is a failure like any other", async () => {
  const strange = [
    { result: null },
    { result: { protocolMajor: 2, sidecarVersion: "9", responseHeaderPrefixes: [] } },
    { result: { protocolMajor: 1, sidecarVersion: "9", responseHeaderPrefixes: "retry-after" } },
    { error: { code: ErrorCode.INTERNAL_ERROR, message: "initialize" } },
  ]
  for (const initialize of strange) {
    const { sidecar, seen } = sidecarWith({ on: { initialize } })
    sidecar.start()
    await seen("sidecar_dead")
    expect(sidecar.problem).toEqual({ kind: "failed", detail: "initialize" })
    await sidecar.stop()
  }
})

test("a greeting that is never answered ends it after thirty seconds", async () => {
  for (const initialize of ["silence", "garbage", "hugeLine"]) {
    const { sidecar, clock, seen, pidOf } = sidecarWith({ on: { initialize } })
    sidecar.start()
    const spawned = pidOf()
    const ready = sidecar.isReady(15_000)
    await clock.pass(15_000)
    expect([await ready, sidecar.trouble]).toEqual([false, { kind: "starting" }])
    await clock.pass(15_000)
    await seen("sidecar_killed")
    expect(sidecar.problem).toEqual({ kind: "noAnswer" })
    await ended(spawned)
  }
})

test("one that only babbles is killed at once", async () => {
  const { sidecar, seen, stderr } = sidecarWith({
    argv: ["sh", "-c", "yes >&2 & yes"],
    source: "environment",
  })
  sidecar.start()
  await seen("sidecar_dead")
  expect([sidecar.problem, stderr.length]).toEqual([{ kind: "noAnswer" }, expect.any(Number)])
  expect(stderr.join("").length).toBeLessThan(1024 * 1024)
})

test("one that floods us with messages that make sense is killed at once", async () => {
  for (const message of [
    { jsonrpc: "2.0", method: "toast/show", params: { message: "m", variant: "info" } },
    { jsonrpc: "2.0", id: "a", method: "ping", params: {} },
    { jsonrpc: "2.0", id: 1, result: {} },
    { jsonrpc: "2.0", id: 99, result: {} },
  ]) {
    const { sidecar, seen, notified } = sidecarWith({
      on: { ping: { say: Array(500).fill(message), result: {} } },
    })
    sidecar.start()
    await seen("sidecar_ready")
    await sidecar.ask("ping", {}, 5000)
    expect([sidecar.state, sidecar.problem]).toEqual(["dead", { kind: "noAnswer" }])
    expect(notified.length).toBeLessThanOrEqual(100)
  }
})

test("one that speaks unasked now and then lives", async () => {
  const { sidecar, clock, seen } = sidecarWith({
    on: { ping: { say: Array(60).fill({ jsonrpc: "2.0", method: "toast/show" }), result: {} } },
  })
  sidecar.start()
  await seen("sidecar_ready")
  await sidecar.ask("ping", {}, 5000)
  await clock.pass(10_000)
  await sidecar.ask("ping", {}, 5000)
  expect(sidecar.state).toBe("healthy")
})

test("a hung one takes no memory: beyond 8 MiB nothing is written to it", async () => {
  const { sidecar, seen, pidOf } = sidecarWith({})
  sidecar.start()
  await seen("sidecar_ready")
  process.kill(pidOf(), "SIGSTOP")
  const before = process.memoryUsage().rss
  for (let n = 0; n < 400; n++)
    sidecar.tell("request/finished", { headers: { a: "x".repeat(100_000) } } as never)
  expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024)
  process.kill(pidOf(), "SIGKILL")
})
