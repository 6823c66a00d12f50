/**
 * What a start of the sidecar takes from the machine: the state directory, its log, and the command, with the
 * reason why that command may run. A project's files have no say in any of it.
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, isAbsolute, join, parse } from "node:path"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual } from "node:util"
import { attempt, isTexts } from "./plain.ts"
import { type HostProblems, VERSION } from "./protocol.gen.ts"

export type Env = Readonly<Record<string, string | undefined>>
/** Why there is nobody to ask; the words are in `host.json`. */
export type Problem = { kind: keyof HostProblems; detail?: string; command?: string }
/** How the sidecar is started, or why it can't be, yet or at all. */
export type Launch =
  | { argv: string[]; source: "environment" | "options" | "checkout" | "prepared" }
  | { problem: Problem; until?: Promise<void> }
export type Note = (event: string, fields?: Record<string, unknown>) => void

/** Where this program is: in a checkout, or in an installed package beside the sidecar's wheel. */
const OWN_FOLDER = dirname(fileURLToPath(import.meta.url))
const NAME = "opencode-quota-sidecar"
const MAX_LOG_BYTES = 1024 * 1024
const KEPT_LOGS = 10
const MAX_CONFIG_BYTES = 4 * 1024 * 1024

/** Ours alone (0700); if it can't be had, a fresh one for this run: nothing of a project lies in either. */
export function stateDirectory(env: Env, home = homedir()): string {
  const directory = join(named(env, "XDG_STATE_HOME", home, ".local", "state"), NAME)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    chmodSync(directory, 0o700)
    return directory
  } catch {
    return attempt(() => mkdtempSync(join(tmpdir(), `${NAME}-`))) ?? parse(tmpdir()).root
  }
}

/** What is made once for many runs, like the environment of an installed plugin; it need not be there. */
export function dataDirectory(env: Env, home = homedir()): string {
  return join(named(env, "XDG_DATA_HOME", home, ".local", "share"), NAME)
}

/** The folder that the environment names, else the usual one. A relative one would be where we are: a project's. */
function named(env: Env, name: string, ...usual: string[]): string {
  const path = env[name]
  return path && isAbsolute(path) ? path : join(...usual)
}

/** The file's text, unless it is missing, unreadable or larger than anything we would believe. */
export function readBounded(path: string, maxBytes: number): string | undefined {
  return attempt(() => {
    const found = statSync(path)
    return found.isFile() && found.size <= maxBytes ? readFileSync(path, "utf8") : undefined
  })
}

/**
 * One file per process of the host: the sidecar's stderr and our own notes; at the limit the older half goes. Of
 * processes that have ended only the newest are kept.
 */
export class Log {
  readonly path: string
  #bytes = 0

  constructor(directory: string, pid = process.pid) {
    this.path = join(directory, `${pid}.log`)
    attempt(() => {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      const old = readdirSync(directory).filter((name) => /^\d+\.log$/.test(name) && name !== `${pid}.log`)
      const age = (name: string) => statSync(join(directory, name)).mtimeMs
      old.sort((one, other) => age(other) - age(one))
      for (const name of old.slice(KEPT_LOGS - 1)) {
        const writerLives = attempt(() => process.kill(Number.parseInt(name, 10), 0))
        if (!writerLives) rmSync(join(directory, name), { force: true })
      }
    })
    this.#bytes = attempt(() => statSync(this.path).size) ?? 0
  }

  append(bytes: Uint8Array) {
    attempt(() => {
      appendFileSync(this.path, bytes, { mode: 0o600 })
      this.#bytes += bytes.length
      if (this.#bytes > MAX_LOG_BYTES) this.#halve()
    })
  }

  note: Note = (event, fields = {}) => {
    const line = { timestamp: new Date().toISOString(), logger: "shim", event, ...fields }
    this.append(Buffer.from(`${JSON.stringify(line)}\n`))
  }

  #halve() {
    const tail = readFileSync(this.path).subarray(-MAX_LOG_BYTES / 2)
    const whole = tail.subarray(tail.indexOf(10) + 1)
    writeFileSync(this.path, whole, { mode: 0o600 })
    this.#bytes = whole.length
  }
}

/**
 * Which command starts the sidecar. `wanted` are those of the plugin's options, and may come from a project;
 * without any it is what we came with.
 */
export function findLaunch(
  wanted: unknown[],
  own: () => Launch,
  note: Note,
  env: Env = process.env,
  home = homedir(),
): Launch {
  const fromEnvironment = words(env.QUOTA_SIDECAR_COMMAND)
  if (fromEnvironment) return { argv: fromEnvironment, source: "environment" }
  for (const command of wanted.filter((value) => value !== undefined)) {
    const argv = words(command)
    if (argv && isInGlobalConfig(command, env, home)) return { argv, source: "options" }
    note("command_ignored", { why: argv ? "no global opencode.json holds it" : "not a command" })
  }
  return own()
}

/** From the environment of the checkout that the plugin's folder is in. */
export function checkoutLaunch(packageDirectory = dirname(OWN_FOLDER)): Launch {
  const inside = process.platform === "win32" ? ["Scripts", "python.exe"] : ["bin", "python"]
  const real = attempt(() => realpathSync(packageDirectory)) ?? packageDirectory
  const python = join(dirname(real), ".venv", ...inside)
  if (!existsSync(python)) return { problem: { kind: "notFound", detail: python } }
  return { argv: serve(python), source: "checkout" }
}

/** The wheel that an installed package brings along; a checkout has none. */
export function ownWheel(folder = OWN_FOLDER): string | undefined {
  const wheel = join(folder, `opencode_quota_sidecar-${VERSION}-py3-none-any.whl`)
  return existsSync(wheel) ? wheel : undefined
}

/** Isolated: no folder, variable or user's packages have a say in what is imported. */
export function serve(python: string): string[] {
  return [python, "-I", "-m", "sidecar", "serve"]
}

/** A command as its words: an array of strings, the same as JSON, or words with blanks between them. */
function words(value: unknown): string[] | undefined {
  if (typeof value === "string") {
    const parsed = value.trimStart().startsWith("[") ? parseJsonc(value) : undefined
    return words(parsed ?? value.split(/\s+/).filter(Boolean))
  }
  return isTexts(value) && value.length > 0 ? value : undefined
}

function isInGlobalConfig(command: unknown, env: Env, home: string): boolean {
  const usual = join(named(env, "XDG_CONFIG_HOME", home, ".config"), "opencode")
  const directories = [named(env, "OPENCODE_CONFIG_DIR", usual), usual]
  const paths = directories.flatMap((path) => [join(path, "opencode.json"), join(path, "opencode.jsonc")])
  return paths.some((path) => {
    const plugins = Object(parseJsonc(readBounded(path, MAX_CONFIG_BYTES) ?? "")).plugin
    return Array.isArray(plugins) && plugins.some((entry) => isDeepStrictEqual(entry?.[1]?.command, command))
  })
}

function parseJsonc(text: string): unknown {
  return attempt(() => (globalThis.Bun?.JSONC ?? JSON).parse(text))
}
