/** Sidecars whose lives follow scripts, on a clock that only a test moves; all are stopped after each test. */
import { afterEach } from "bun:test"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Sidecar } from "../src/child.ts"
import type { Launch } from "../src/launch.ts"
import { FakeClock } from "./bed.ts"

const started: Sidecar[] = []
afterEach(async () => {
  for (const sidecar of started.splice(0)) await sidecar.stop()
})

/** A sidecar whose lives follow the scripts given, the last one for ever. */
export function sidecarWith(...scripts: (object | Launch)[]) {
  const clock = new FakeClock()
  const notes: { event: string; [field: string]: unknown }[] = []
  const notified: unknown[] = []
  const stderr: string[] = []
  /** Before each start: whether the last one ended before it said a word. */
  const haveFailed: boolean[] = []
  const listeners = new Set<() => void>()
  let lives = 0
  const events = {
    launch: (hasFailed: boolean): Launch => {
      haveFailed.push(hasFailed)
      const script = scripts[Math.min(lives++, scripts.length - 1)] ?? {}
      if ("argv" in script || "problem" in script) return script as Launch
      const fake = join(import.meta.dir, "fake-sidecar.ts")
      return { argv: [process.execPath, fake, JSON.stringify(script)], source: "checkout" }
    },
    ready: () => {},
    notified: (method: string, params: unknown) => void notified.push([method, params]),
    stderr: (bytes: Uint8Array) => void stderr.push(Buffer.from(bytes).toString()),
    note: (event: string, fields = {}) => {
      notes.push({ event, ...fields })
      for (const look of listeners) look()
    },
  }
  const sidecar = new Sidecar(events, tmpdir(), clock)
  started.push(sidecar)
  const seen = (event: string, times = 1) =>
    new Promise<void>((resolve) => {
      const look = () => notes.filter((note) => note.event === event).length >= times && resolve()
      listeners.add(look)
      look()
    })
  const pidOf = () => notes.findLast(({ event }) => event === "sidecar_spawned")?.child as number
  return { sidecar, clock, notes, notified, stderr, haveFailed, seen, pidOf }
}

/** Gone from the process table, or a zombie at most. */
export async function ended(pid: number) {
  for (let tries = 0; tries < 500; tries++) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await Bun.sleep(10)
  }
  throw new Error(`${pid} still runs`)
}
