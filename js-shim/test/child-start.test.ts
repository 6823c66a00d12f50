import { expect, test } from "bun:test"
import { ended, sidecarWith } from "./sidecars.ts"

test("nothing to start, and nothing that starts, is told at once", async () => {
  const missing = sidecarWith({ problem: { kind: "notFound", detail: "/x/python" } })
  missing.sidecar.start()
  expect([await missing.sidecar.isReady(15_000), missing.sidecar.problem]).toEqual([
    false,
    { kind: "notFound", detail: "/x/python" },
  ])
  const broken = sidecarWith({ argv: ["/no/such/program"], source: "environment" })
  broken.sidecar.start()
  expect([await broken.sidecar.isReady(15_000), broken.sidecar.problem.kind]).toEqual([false, "notStarted"])
})

test("one that is being prepared is waited for only by who says so, and starts when it is there", async () => {
  const { promise: until, resolve } = Promise.withResolvers<void>()
  const { sidecar, clock, notes } = sidecarWith({ problem: { kind: "preparing" }, until }, {})
  sidecar.start()
  expect([await sidecar.isReady(15_000), sidecar.trouble]).toEqual([false, { kind: "preparing" }])
  const tooShort = sidecar.isReady(15_000, undefined, "or prepared")
  await clock.pass(15_000)
  expect([await tooShort, sidecar.state, notes]).toEqual([false, "preparing", []])
  const asked = sidecar.isReady(15_000, undefined, "or prepared")
  resolve()
  expect(await asked).toBe(true)
  expect(notes.map(({ event }) => event)).toEqual(["sidecar_spawned", "sidecar_ready"])
})

test("one that can't be prepared is told why, and looked for again by whoever asks or ten minutes later", async () => {
  const why = { kind: "noPython" as const, command: "brew install python" }
  const { sidecar, clock, seen, notes } = sidecarWith(
    { problem: { kind: "preparing" }, until: Promise.resolve() },
    { problem: why },
    { problem: why },
    {},
  )
  sidecar.start()
  expect(await sidecar.isReady(15_000, undefined, "or prepared")).toBe(false)
  const dead = { event: "sidecar_dead", ...why, againInMs: 600_000 }
  expect([sidecar.trouble, notes]).toEqual([why, [dead, dead]])
  await clock.pass(599_999)
  expect([sidecar.state, notes.length]).toEqual(["dead", 2])
  await clock.pass(1)
  await seen("sidecar_ready")
  expect(sidecar.state).toBe("healthy")
})

test("one that dies at its start and is prepared upon that is waited for by who says so", async () => {
  const { promise: until, resolve } = Promise.withResolvers<void>()
  const mended = { problem: { kind: "preparing" as const }, until }
  const { sidecar, haveFailed } = sidecarWith({ dieAtOnce: true }, mended, {})
  sidecar.start()
  const [chat, command] = [sidecar.isReady(15_000), sidecar.isReady(15_000, undefined, "or prepared")]
  expect(await chat).toBe(false)
  resolve()
  expect([await command, haveFailed]).toEqual([true, [false, true, true]])
})

test("one that is prepared after everything was closed is not started", async () => {
  const { promise: until, resolve } = Promise.withResolvers<void>()
  const { sidecar, notes } = sidecarWith({ problem: { kind: "preparing" }, until }, {})
  sidecar.start()
  await sidecar.stop()
  resolve()
  await until
  await Bun.sleep(0)
  expect([sidecar.state, notes]).toEqual(["stopped", []])
})

test("what was prepared after a while is waited for only as long as was said", async () => {
  const { promise: until, resolve } = Promise.withResolvers<void>()
  const mute = { on: { initialize: "silence" } }
  const { sidecar, clock, seen } = sidecarWith({ problem: { kind: "preparing" }, until }, mute)
  sidecar.start()
  const asked = sidecar.isReady(15_000, undefined, "or prepared")
  await clock.pass(10_000)
  resolve()
  await seen("sidecar_spawned")
  await clock.pass(5_000)
  expect([await asked, sidecar.state]).toEqual([false, "starting"])
})

test("who starts it is told whether the last one ended before it said a word", async () => {
  const { sidecar, clock, seen, haveFailed } = sidecarWith({ dieAtOnce: true }, { on: { ping: "exit" } }, {})
  sidecar.start()
  await seen("sidecar_dead")
  await clock.pass(500)
  await seen("sidecar_ready")
  expect(await sidecar.ask("ping", {}, 250)).toBeUndefined()
  await seen("sidecar_dead", 2)
  expect(await sidecar.isReady(15_000)).toBe(true)
  expect(haveFailed).toEqual([false, true, false])
})

test("one whose parts can't be loaded has failed, though it had greeted", async () => {
  const { sidecar, haveFailed, seen } = sidecarWith({ on: { ping: "break" } }, {})
  sidecar.start()
  await seen("sidecar_ready")
  expect(await sidecar.ask("ping", {}, 250)).toBeUndefined()
  await seen("sidecar_dead")
  expect([await sidecar.isReady(15_000), haveFailed]).toEqual([true, [false, true]])
})

test("one that was stopped while it started has not failed", async () => {
  const { sidecar, haveFailed } = sidecarWith({ on: { initialize: "silence" } }, {})
  sidecar.start()
  const stopped = sidecar.stop()
  sidecar.start()
  expect([await sidecar.isReady(15_000), haveFailed]).toEqual([true, [false, false]])
  await stopped
})

test("one that is replaced is followed at once, and ends", async () => {
  const { sidecar, seen, pidOf } = sidecarWith({})
  expect(sidecar.isRunning).toBe(false)
  sidecar.start()
  await seen("sidecar_ready")
  const old = pidOf()
  const replaced = sidecar.restart()
  expect([sidecar.state, sidecar.isRunning]).toEqual(["starting", true])
  await replaced
  await ended(old)
  await seen("sidecar_ready", 2)
  expect(sidecar.state).toBe("healthy")
})

test("who waits for one that starts waits for the one that replaces it, too, and as long as was said", async () => {
  const mute = { on: { initialize: "silence" } }
  const { sidecar, clock } = sidecarWith(mute, {}, mute, mute)
  sidecar.start()
  const [patient, aborted] = [sidecar.isReady(10_000), new AbortController()]
  const replaced = sidecar.restart()
  expect([await patient, sidecar.state]).toEqual([true, "healthy"])
  const again = sidecar.restart()
  const [short, given] = [sidecar.isReady(5_000), sidecar.isReady(10_000, aborted.signal)]
  await clock.pass(4_000)
  const last = sidecar.restart()
  aborted.abort()
  expect(await given).toBe(false)
  await clock.pass(1_000)
  expect([await short, sidecar.state]).toEqual([false, "starting"])
  await Promise.all([replaced, again, last])
})
