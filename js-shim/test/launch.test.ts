import { expect, test } from "bun:test"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkoutLaunch, dataDirectory, findLaunch, Log, ownWheel, stateDirectory } from "../src/launch.ts"
import { VERSION } from "../src/protocol.gen.ts"

/** From here on no system gives them. */
const NO_PID = 2 ** 30

function machine(globalConfig?: string) {
  const root = mkdtempSync(join(tmpdir(), "launch-"))
  const config = join(root, ".config", "opencode")
  mkdirSync(config, { recursive: true })
  if (globalConfig) writeFileSync(join(config, "opencode.jsonc"), globalConfig)
  const notes: string[] = []
  const own = () => checkoutLaunch(join(root, "js-shim"))
  const find = (wanted: unknown[] = [], env = {}) =>
    findLaunch(wanted, own, (event) => notes.push(event), env, root)
  return { root, config, notes, find }
}

const inGlobal = (command: unknown) =>
  `// mine\n{"plugin": ["other", ["x", {"command": ${JSON.stringify(command)}}]],}`

test("the environment's command comes first, as JSON or as words", () => {
  const { find } = machine(inGlobal("global sidecar"))
  const source = "environment"
  expect(find(["global sidecar"], { QUOTA_SIDECAR_COMMAND: ' ["a b", "c"]' })).toEqual({
    argv: ["a b", "c"],
    source,
  })
  expect(find([], { QUOTA_SIDECAR_COMMAND: "/bin/x  serve" })).toEqual({ argv: ["/bin/x", "serve"], source })
})

test("a command in the options counts if a global file holds the same value", () => {
  const { find, notes } = machine(inGlobal(["my", "sidecar"]))
  expect(find([undefined, ["my", "sidecar"]])).toEqual({ argv: ["my", "sidecar"], source: "options" })
  expect(notes).toEqual([])
})

test("a command that only a project holds never runs, and that is noted", () => {
  const { root, find, notes } = machine(inGlobal(["my", "sidecar"]))
  const problem = { kind: "notFound" as const, detail: join(root, ".venv", "bin", "python") }
  expect(find([["evil"]])).toEqual({ problem })
  expect(find([{ not: "a command" }])).toEqual({ problem })
  expect(notes).toEqual(["command_ignored", "command_ignored"])
})

test("OPENCODE_CONFIG_DIR and XDG_CONFIG_HOME are global places, a broken file is none", () => {
  const { root, config, find } = machine("{ broken")
  const at = { argv: ["c"], source: "options" }
  mkdirSync(join(root, "xdg", "opencode"), { recursive: true })
  writeFileSync(join(root, "xdg", "opencode", "opencode.json"), inGlobal("c"))
  expect(find(["c"], { XDG_CONFIG_HOME: join(root, "xdg") })).toEqual(at as never)
  expect(find(["c"], { OPENCODE_CONFIG_DIR: join(root, "xdg", "opencode") })).toEqual(at as never)
  expect(find(["c"])).toHaveProperty("problem.kind", "notFound")
  expect(existsSync(config)).toBe(true)
})

test("no global place is where OpenCode was started, which is a project's", () => {
  const { root, find } = machine()
  mkdirSync(join(root, "opencode"))
  for (const folder of [root, join(root, "opencode")])
    writeFileSync(join(folder, "opencode.json"), inGlobal("evil"))
  const before = process.cwd()
  process.chdir(root)
  const wanted = ["OPENCODE_CONFIG_DIR", "XDG_CONFIG_HOME"].flatMap((name) =>
    ["", ".", "opencode"].map((value) => find(["evil"], { [name]: value })),
  )
  process.chdir(before)
  const problem = { kind: "notFound", detail: join(root, ".venv", "bin", "python") }
  expect(wanted).toEqual(Array(6).fill({ problem }))
})

test("the checkout's own Python starts it, isolated", () => {
  const { root, find } = machine()
  const python = join(root, ".venv", "bin", "python")
  mkdirSync(join(root, ".venv", "bin"), { recursive: true })
  writeFileSync(python, "")
  expect(find()).toEqual({ argv: [python, "-I", "-m", "sidecar", "serve"], source: "checkout" })
})

test("the state directory is private, and never a relative path", () => {
  const { root } = machine()
  const usual = join(root, ".local", "state", "opencode-quota-sidecar")
  expect(stateDirectory({ XDG_STATE_HOME: "relative" }, root)).toBe(usual)
  expect(statSync(usual).mode & 0o777).toBe(0o700)
  expect(stateDirectory({ XDG_STATE_HOME: join(root, "s") }, root)).toBe(
    join(root, "s", "opencode-quota-sidecar"),
  )
})

test("what is made once is in the data folder, which is never a relative path", () => {
  expect(dataDirectory({ XDG_DATA_HOME: "relative" }, "/h")).toBe("/h/.local/share/opencode-quota-sidecar")
  expect(dataDirectory({ XDG_DATA_HOME: "/d" }, "/h")).toBe("/d/opencode-quota-sidecar")
})

test("a package has the wheel of its own version beside it, a checkout has none", () => {
  const { root } = machine()
  const wheel = join(root, `opencode_quota_sidecar-${VERSION}-py3-none-any.whl`)
  writeFileSync(join(root, "opencode_quota_sidecar-0.0.9-py3-none-any.whl"), "")
  expect([ownWheel(root), ownWheel()]).toEqual([undefined, undefined])
  writeFileSync(wheel, "")
  expect(ownWheel(root)).toBe(wheel)
})

test("a state directory that can't be had is replaced by a fresh private one", () => {
  const { root } = machine()
  writeFileSync(join(root, ".local"), "a file in the way")
  const directory = stateDirectory({}, root)
  expect([readdirSync(directory), statSync(directory).mode & 0o777]).toEqual([[], 0o700])
})

test("a log stays under its limit, keeps its newest lines whole, and is private", () => {
  const { root } = machine()
  const log = new Log(root, 7)
  const line = (n: number) => Buffer.from(`${n} ${"x".repeat(1000)}\n`)
  for (let n = 0; n < 3000; n++) log.append(line(n))
  const text = readFileSync(log.path, "utf8")
  expect(text.length).toBeLessThanOrEqual(1024 * 1024)
  expect(text.endsWith(line(2999).toString())).toBe(true)
  expect(text).toMatch(/^\d+ x+\n/)
  expect(statSync(log.path).mode & 0o777).toBe(0o600)
})

test("the ten newest logs are kept, and those of who still runs", () => {
  const { root } = machine()
  const ended = (n: number) => `${NO_PID + n}.log`
  const living = `${process.pid}.log`
  for (const [age, name] of [living, ...Array.from({ length: 14 }, (_, n) => ended(n))].entries()) {
    writeFileSync(join(root, name), "")
    utimesSync(join(root, name), age, age)
  }
  writeFileSync(join(root, "mine.txt"), "")
  new Log(root, NO_PID + 99).note("hello", { n: 1 })
  const kept = [...Array.from({ length: 9 }, (_, n) => ended(n + 5)), ended(99), living, "mine.txt"]
  expect(
    readdirSync(root)
      .filter((name) => !name.startsWith(".config"))
      .sort(),
  ).toEqual(kept.sort())
  const { timestamp, ...note } = JSON.parse(readFileSync(join(root, ended(99)), "utf8"))
  expect([note, typeof timestamp]).toEqual([{ logger: "shim", event: "hello", n: 1 }, "string"])
})
