/**
 * The environment of an installed plugin: started from if it is there, else made in the background by the
 * sidecar's own wheel, for which a Python is looked for here. Whether and how it is made is decided over there.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs"
import { basename, delimiter, isAbsolute, join, relative, sep } from "node:path"
import type { Env, Launch, Note, Problem } from "./launch.ts"
import { dataDirectory, readBounded, serve } from "./launch.ts"
import { attempt, parsed } from "./plain.ts"
import { type HostProblems, VERSION } from "./protocol.gen.ts"
import type { Clock } from "./rpc.ts"

const MAX_BYTES = 64 * 1024
/** Who asks sooner after the last try gets its outcome again. */
const AGAIN_MS = 30_000
/** A preparation waits up to ten for another, and gives itself ten; a Python that is none, or broken, may never end. */
const RUN_MINUTES = 21
const UNIX_NAMES = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"]
const WINDOWS_NAMES = ["py.exe", "python.exe", "python3.exe"]
const ASK_UV = ["python", "find", "--no-project", "--system", "--no-python-downloads", ">=3.11"]
/** They name an environment, usually a project's: uv would start its Python only to see what it is. */
const ACTIVATED = { VIRTUAL_ENV: undefined, CONDA_PREFIX: undefined }
/** What another Python of this machine may do all the same: the newest ones have no packages for a while. */
const OTHERS_MAY = ["noPackages", "notPrepared", "noVenv", "oldPython"]
/** Apple's stand-in opens a window that offers to install a Python, which is too old for us anyway. */
const APPLES_OWN = "/usr/bin/python3"

type Outcome = { kind: string; detail?: string; command?: string }
type Ended = { output: string; how: string }

/** What it is given to work with, and who hears of it. */
export type Machine = {
  wheel: string
  cwd: string
  env: Env
  home: string
  clock: Clock
  /** There is a new environment, made here or by another OpenCode; `isUpdate`: one of another version was there. */
  ready(isMadeHere: boolean, isUpdate: boolean): void
  /** There is none; `isUpdate`: one of another version goes on. */
  failed(problem: Problem, isUpdate: boolean): void
  /** What the open projects may have put there is not run. */
  projects(): string[]
  /** By a program's name: how its users install Python, or a newer one than their system's. */
  installers(isOld: boolean): Record<string, string>
  note: Note
}

export class Preparation {
  #running: Promise<void> | undefined
  #problem: Problem | undefined
  #endedAt = Number.NEGATIVE_INFINITY
  #digest: string | undefined
  #hasLooked = false
  readonly #on: Machine

  constructor(on: Machine) {
    this.#on = on
  }

  /** From what is there, be it of another version, unless it has just failed; what is due is made meanwhile. */
  launch(hasFailed: boolean): Launch {
    // Here, as OpenCode doesn't wait for it.
    this.#digest ??= attempt(() => createHash("sha256").update(readFileSync(this.#on.wheel)).digest("hex"))
    const current = this.#current()
    const isOurs = current?.wheel === this.#digest
    // Another version's is replaced at a start; it may later have been made by an OpenCode with another plugin.
    const isDue = !current || hasFailed || (!isOurs && !this.#hasLooked)
    this.#hasLooked = true
    if (isDue) this.#begin(current !== undefined && !isOurs)
    // One that has failed is looked at first, and not tried again where it can't be mended.
    const isToMend = hasFailed && isOurs && (this.#running || this.#problem)
    if (current && !isToMend) return { argv: serve(current.python), source: "prepared" }
    if (this.#running) return { problem: this.#problem ?? { kind: "preparing" }, until: this.#running }
    const detail = `nothing is in ${this.#data()}`
    return { problem: this.#problem ?? { kind: "notPrepared", detail, command: this.#byHand("python3") } }
  }

  /** Why another version goes on, if one does. */
  get notUpdated(): Problem | undefined {
    const current = this.#problem && this.#current()
    return current && current.wheel !== this.#digest ? this.#problem : undefined
  }

  #current(): { python: string; wheel: unknown } | undefined {
    const pointer = join(this.#data(), "current.json")
    const { python, wheel } = parsed(readBounded(pointer, MAX_BYTES) ?? "")
    return typeof python === "string" && isAbsolute(python) && existsSync(python)
      ? { python, wheel }
      : undefined
  }

  #begin(isUpdate: boolean) {
    if (this.#running || this.#on.clock.now() - this.#endedAt < AGAIN_MS) return
    this.#on.note("preparation_began", { version: VERSION })
    this.#running = this.#prepare().then(({ kind, ...more }) => {
      this.#running = undefined
      this.#endedAt = this.#on.clock.now()
      this.#on.note("preparation_ended", { kind, ...more })
      const told = this.#problem?.kind
      this.#problem =
        kind === "made" || kind === "ready" ? undefined : { kind: kind as keyof HostProblems, ...more }
      if (kind === "made" || (kind === "ready" && isUpdate)) this.#on.ready(kind === "made", isUpdate)
      // Every refusal of a provider tries again, too, and how many bytes are left, say, differs: once is told.
      if (this.#problem && this.#problem.kind !== told) {
        this.#on.failed(this.#problem, this.notUpdated !== undefined)
      }
    })
  }

  /** With the first Python that can; never rejects. */
  async #prepare(): Promise<Outcome> {
    const failed: Outcome[] = []
    let silent: Outcome | undefined
    const folders = this.#folders()
    for await (const [program = "", ...args] of pythonsIn(folders, (uv) =>
      this.#run([uv, ...ASK_UV], folders),
    )) {
      const { output, how } = await this.#run(
        [program, ...args, "-I", join(this.#on.wheel, "sidecar"), "prepare", "--json"],
        folders,
      )
      const outcome = outcomeOf(output)
      if (outcome && !OTHERS_MAY.includes(outcome.kind)) return outcome
      if (outcome) failed.push(outcome)
      else silent ??= { kind: "notPrepared", detail: `${program} ${how}`, command: this.#byHand(program) }
    }
    const told = failed.find(({ kind }) => kind !== "oldPython") ?? failed[0] ?? silent
    return {
      command: this.#installer(folders, told?.kind === "oldPython"),
      ...(told ?? { kind: "noPython" }),
    }
  }

  /** In a session of its own: it goes on when OpenCode ends, be it after a single turn. */
  async #run(argv: string[], folders: string[]): Promise<Ended> {
    const [command = "", ...args] = argv
    const { promise, resolve } = Promise.withResolvers<Ended>()
    let output = ""
    let stop = () => {}
    try {
      const env = { ...this.#trusted(), ...ACTIVATED, [pathName(this.#on.env)]: folders.join(delimiter) }
      const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"]
      const child = spawn(command, args, { cwd: this.#on.cwd, env, stdio, detached: true, windowsHide: true })
      child.stdout.on("data", (chunk: Uint8Array) => {
        if (output.length < MAX_BYTES) output += Buffer.from(chunk).toString()
      })
      child.on("error", ({ message }) => resolve({ output: "", how: couldNot(message) }))
      child.on("close", (code, signal) => resolve({ output, how: `ended with ${signal ?? code}` }))
      child.unref()
      stop = this.#on.clock.after(RUN_MINUTES * 60_000, () => {
        // With what shares its group, where there are such; uv and pip have ended by then.
        attempt(() => process.kill(-(child.pid ?? Number.NaN), "SIGKILL"))
        child.kill("SIGKILL")
        resolve({ output: "", how: `did not end within ${RUN_MINUTES} minutes` })
      })
    } catch (error) {
      resolve({ output: "", how: couldNot(Object(error).message) })
    }
    const ended = await promise
    stop()
    return ended
  }

  /** The folders of PATH, but for relative ones and those of a project: whose code would that be? */
  #folders(): string[] {
    return (this.#on.env[pathName(this.#on.env)] ?? "").split(delimiter).filter((folder) => {
      return isAbsolute(folder) && !this.#isOfProject(folder)
    })
  }

  /** The environment, but for a folder for data that is a project's: what is in there would be started. */
  #trusted(): Env {
    const { XDG_DATA_HOME: xdg, ...others } = this.#on.env
    return xdg && !this.#isOfProject(xdg) ? this.#on.env : others
  }

  #data(): string {
    return dataDirectory(this.#trusted(), this.#on.home)
  }

  /** A home that is opened as a project is the user's own all the same. */
  #isOfProject(path: string): boolean {
    const homes = real(this.#on.home)
    const projects = this.#on.projects().map(real)
    return projects.some((project) => !isInside(homes, project) && isInside(real(path), project))
  }

  #installer(folders: string[], isOld: boolean): string {
    const installers = this.#on.installers(isOld)
    const isThere = (name: string) =>
      name === "" || programs(folders, name).length + programs(folders, `${name}.exe`).length > 0
    return installers[Object.keys(installers).find(isThere) ?? ""] ?? ""
  }

  #byHand(python: string): string {
    return `${quoted(python)} -I ${quoted(join(this.#on.wheel, "sidecar"))} prepare`
  }
}

/** Every Python that might do, as words to start it with, the usual one first; uv may know one more. Each once. */
async function* pythonsIn(folders: string[], ask: (uv: string) => Promise<Ended>): AsyncGenerator<string[]> {
  const seen = new Set<string>()
  for (const name of process.platform === "win32" ? WINDOWS_NAMES : UNIX_NAMES) {
    for (const python of programs(folders, name)) {
      if (seen.has(identity(python)) || (process.platform === "darwin" && python === APPLES_OWN)) continue
      seen.add(identity(python))
      yield name === "py.exe" ? [python, "-3"] : [python]
    }
  }
  const [uv] = programs(folders, process.platform === "win32" ? "uv.exe" : "uv")
  const known = uv ? (await ask(uv)).output.trim() : ""
  if (isAbsolute(known) && !seen.has(identity(known))) yield [known]
}

/** Where links lead, unless to a program that goes by the name that it is called by, as of mise and the like. */
function identity(python: string): string {
  return basename(real(python)).startsWith("python") ? real(python) : python
}

function programs(folders: string[], name: string): string[] {
  const paths = folders.map((folder) => join(folder, name))
  return paths.filter((path) => {
    return attempt(() => {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    })
  })
}

function couldNot(why: string): string {
  return `could not be started: ${why}`
}

/** Of the last line that is one: a wrapper around Python may print lines of its own. */
function outcomeOf(output: string): Outcome | undefined {
  const { kind, detail, command } = Object(
    output
      .split("\n")
      .map(parsed)
      .findLast(({ kind }) => typeof kind === "string"),
  )
  return kind && { kind, ...(detail && { detail }), ...(command && { command }) }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function real(path: string): string {
  return attempt(() => realpathSync(path)) ?? path
}

/** Windows spells it Path, and a copy of the environment no longer minds the case. */
function pathName(env: Env): string {
  return Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH"
}

function quoted(word: string): string {
  if (/^[\w/.:@%+=,\\-]+$/.test(word)) return word
  return process.platform === "win32" ? `"${word}"` : `'${word.replaceAll("'", `'\\''`)}'`
}
