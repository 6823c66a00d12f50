import { expect, test } from "bun:test"
import { createHash } from "node:crypto"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Launch } from "../src/launch.ts"
import { Preparation } from "../src/prepare.ts"

const MADE = '{"kind": "made", "detail": "", "command": ""}'
const INSTALLERS = {
  "apt-get": "sudo apt install python3 python3-venv",
  "": "https://www.python.org/downloads",
}

const NEWER = { ...INSTALLERS, "apt-get": "sudo apt install python3.11 python3.11-venv" }

type Places = { root: string; bin: string; project: string }

/** A machine whose programs say what a test wants; its PATH is the folder `bin`. */
function machine(
  path = ({ bin }: Places) => bin,
  more: (places: Places) => object = () => ({}),
  opened = ({ project }: Places) => project,
) {
  const root = mkdtempSync(join(tmpdir(), "prepare-"))
  const [bin, project, data] = ["bin", "project", join(".local", "share", "opencode-quota-sidecar")].map(
    (name) => {
      mkdirSync(join(root, name), { recursive: true })
      return join(root, name)
    },
  ) as [string, string, string]
  const wheel = join(root, "a wheel.whl")
  writeFileSync(wheel, "of this version")
  const calls = join(root, "calls")
  writeFileSync(calls, "")
  /** Who was run, with which words. */
  const ran = () => readFileSync(calls, "utf8").split("\n").filter(Boolean)
  const put = (path: string, body: string) => {
    writeFileSync(path, `#!/bin/sh\necho "$0 $*" >> "${calls}"\n${body}\n`)
    chmodSync(path, 0o755)
    return path
  }
  const has = (name: string, says: string, code = 0) => put(join(bin, name), `echo '${says}'\nexit ${code}`)
  const told: unknown[] = []
  let now = 0
  const timers: { ms: number; fn: () => void }[] = []
  const clock = {
    now: () => now,
    after(ms: number, fn: () => void) {
      const timer = { ms, fn }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    },
  }
  const events = {
    ready: (isMadeHere: boolean, isUpdate: boolean) =>
      void told.push(isMadeHere ? (isUpdate ? "updated" : "made") : "by another"),
    failed: (problem: object, isUpdate: boolean) =>
      void told.push(isUpdate ? { ...problem, isUpdate } : problem),
    projects: () => [opened({ root, bin, project })],
    installers: (isOld: boolean) => (isOld ? NEWER : INSTALLERS),
    note: () => {},
  }
  const env = { PATH: path({ root, bin, project }), ...more({ root, bin, project }) }
  const preparation = new Preparation({ wheel, ...events, cwd: root, env, home: root, clock })
  /** Asks, and waits until what that began has ended. */
  const asked = async (hasFailed = false): Promise<Launch> => {
    const launch = preparation.launch(hasFailed)
    if ("until" in launch) await launch.until
    return launch
  }
  const pass = (ms: number) => {
    now += ms
  }
  const point = (python: string, hash: string) =>
    writeFileSync(join(data, "current.json"), JSON.stringify({ python, wheel: hash }))
  const prepared = (of: string) => {
    const python = put(join(bin, "prepared"), "")
    const hash = createHash("sha256").update(of).digest("hex")
    point(python, hash)
    return { argv: [python, "-I", "-m", "sidecar", "serve"], source: "prepared" as const }
  }
  return { root, bin, project, wheel, has, put, ran, told, asked, pass, timers, preparation, point, prepared }
}

const problem = (launch: Launch): object => ("problem" in launch ? launch.problem : launch)

test("what is prepared of this very wheel is started, and nothing else is run", () => {
  const { preparation, prepared, ran } = machine()
  const launch = prepared("of this version")
  expect([preparation.launch(false), ran()]).toEqual([launch, []])
})

test("what nobody has prepared is made by the first Python, and whoever asks meanwhile waits for that", async () => {
  const { has, asked, told, ran, wheel, bin, preparation } = machine()
  has("python3", MADE)
  const launch = preparation.launch(false)
  expect(problem(launch)).toEqual({ kind: "preparing" })
  expect(preparation.launch(false)).toEqual(launch)
  await asked()
  expect(ran()).toEqual([`${join(bin, "python3")} -I ${join(wheel, "sidecar")} prepare --json`])
  expect(told).toEqual(["made"])
})

test("another version's is started while this one's is made", async () => {
  const { preparation, prepared, has, told, pass, ran } = machine()
  has("python3", MADE)
  const launch = prepared("of another version")
  expect(preparation.launch(false)).toEqual(launch)
  await until(() => told.length > 0)
  expect(told).toEqual(["updated"])
  pass(30_000)
  expect([preparation.launch(false), ran().length]).toEqual([launch, 1])
})

test("one that failed is mended before it is started again, and as often as that helps", async () => {
  const { asked, prepared, has, told, pass, ran } = machine()
  has("python3", MADE)
  const launch = prepared("of this version")
  expect(problem(await asked(true))).toEqual({ kind: "preparing" })
  expect([await asked(true), told, ran().length]).toEqual([launch, ["made"], 1])
  pass(30_000)
  const why = { kind: "noIndex", detail: "index.lan: Connection refused", command: "python3 again" }
  has("python3", JSON.stringify(why), 3)
  expect(problem(await asked(true))).toEqual({ kind: "preparing" })
  expect([problem(await asked(true)), told, ran().length]).toEqual([why, ["made", why], 2])
  pass(30_000)
  has("python3", '{"kind": "ready"}')
  expect(problem(await asked(true))).toEqual(why)
  expect([await asked(true), ran().length]).toEqual([launch, 3])
})

test("another version's that failed is started all the same while this one's is made", async () => {
  const { asked, prepared, has } = machine()
  has("python3", MADE)
  const launch = prepared("of another version")
  expect(await asked(true)).toEqual(launch)
})

test("why another version goes on is known until there is one of this", async () => {
  const { asked, prepared, has, preparation, told } = machine()
  const why = { kind: "noIndex", detail: "index.lan: Connection refused", command: "python3 again" }
  has("python3", JSON.stringify(why), 3)
  const launch = prepared("of another version")
  expect([await asked(), preparation.notUpdated]).toEqual([launch, undefined])
  await until(() => told.length > 0)
  const outcome = { launch: await asked(), why: preparation.notUpdated, told }
  expect<unknown>(outcome).toEqual({ launch, why, told: [{ ...why, isUpdate: true }] })
  prepared("of this version")
  expect(preparation.notUpdated).toBe(undefined)
})

test("one that can't be made is told once, and tried again half a minute later at the earliest", async () => {
  const { has, asked, pass, told, ran } = machine()
  const why = { kind: "noIndex", detail: "index.lan: Connection refused", command: "python3 again" }
  has("python3", JSON.stringify(why), 3)
  await asked()
  pass(29_999)
  expect([problem(await asked()), ran().length]).toEqual([why, 1])
  pass(1)
  expect([problem(await asked()), ran().length]).toEqual([why, 2])
  expect([problem(await asked()), told]).toEqual([why, [why]])
})

test("without any Python it is said how users of this machine install one", async () => {
  const bare = machine()
  await bare.asked()
  expect(bare.told).toEqual([{ kind: "noPython", command: "https://www.python.org/downloads" }])
  const debian = machine()
  debian.has("apt-get", "")
  await debian.asked()
  expect(debian.told).toEqual([{ kind: "noPython", command: INSTALLERS["apt-get"] }])
})

test("a Python that can't is passed over for one that can, at last for the one that uv knows", async () => {
  const { has, put, asked, told, ran, root } = machine()
  const old = JSON.stringify({ kind: "oldPython", detail: "Python 3.9 at /usr/bin/python3" })
  has("python3", old, 3)
  has(
    "python3.12",
    JSON.stringify({ kind: "noVenv", detail: "no module named venv", command: "sudo apt" }),
    3,
  )
  await asked()
  expect(told).toEqual([{ kind: "noVenv", detail: "no module named venv", command: "sudo apt" }])
  const managed = put(join(root, "managed"), `echo '${MADE}'`)
  const other = machine()
  other.has("python3", old, 3)
  other.has("uv", managed)
  await other.asked()
  expect([other.told, ran().at(-1)?.startsWith(managed)]).toEqual([["made"], true])
})

for (const kind of ["noPackages", "notPrepared", "noVenv"])
  test(`a Python with which it can't be done (${kind}) is passed over for one with which it can`, async () => {
    const { has, asked, told } = machine()
    has("python3", JSON.stringify({ kind, detail: "with Python 3.15" }), 3)
    has("python3.13", MADE)
    await asked()
    expect(told).toEqual(["made"])
  })

test("what another Python can't mend is told, and no other is asked", async () => {
  const { has, asked, told, ran } = machine()
  const outcome = { kind: "noIndex", detail: "index.test: 401 Unauthorized", command: "prepare" }
  has("python3", JSON.stringify(outcome), 3)
  has("python3.13", MADE)
  await asked()
  expect([told, ran().length]).toEqual([[outcome], 1])
})

test("where no Python can, the first that is new enough says why, and each is asked once", async () => {
  const { has, asked, told, ran, bin } = machine()
  const outcome = { kind: "noPackages", detail: "with Python 3.15", command: "prepare" }
  has("python3", JSON.stringify({ kind: "oldPython", detail: "Python 3.9" }), 3)
  const newest = has("python3.14", JSON.stringify(outcome), 3)
  symlinkSync(newest, join(bin, "python"))
  has("uv", newest)
  await asked()
  expect(told).toEqual([outcome])
  expect(ran().map((call) => call.split(" ")[0])).toEqual(
    ["python3", "python3.14", "uv"].map((name) => join(bin, name)),
  )
})

test("a pointer to a Python that is gone, or that is relative, is none", () => {
  for (const python of ["/no/such/python", "."]) {
    const { point, preparation } = machine()
    point(python, createHash("sha256").update("of this version").digest("hex"))
    expect("problem" in preparation.launch(false)).toBe(true)
  }
})

test("where another has prepared it meanwhile, that is only news to who runs another version's", async () => {
  const { has, asked, told, prepared, pass } = machine()
  has("python3", `{"kind": "ready"}`)
  await asked()
  expect(told).toEqual([])
  const other = machine()
  other.has("python3", `{"kind": "ready"}`)
  other.prepared("of another version")
  await other.asked()
  await until(() => other.told.length > 0)
  expect(other.told).toEqual(["by another"])
  prepared("of this version")
  pass(60_000)
  expect([await asked(true), told]).toEqual([
    { problem: { kind: "preparing" }, until: expect.any(Promise) },
    [],
  ])
})

test("it runs in our folder, with the folders of PATH that are trusted, and its last line counts", async () => {
  const { root, bin, put, asked, told, ran } = machine(({ bin, project }) => `${bin}:${project}:.:/usr/bin`)
  put(join(bin, "python3"), `echo "$PWD $PATH" >> "${join(root, "calls")}"\necho a warning\necho '${MADE}'`)
  await asked()
  expect([ran().at(-1), told]).toEqual([`${root} ${bin}:/usr/bin`, ["made"]])
})

test("what a wrapper around Python prints after its answer is passed over", async () => {
  const { bin, put, asked, told } = machine()
  put(join(bin, "python3"), `echo '${MADE}'\necho '{"not": "an answer"}'\necho null\necho bye`)
  await asked()
  expect(told).toEqual(["made"])
})

test("a file that can't be executed is no Python, and one that can't be started is told", async () => {
  const plain = machine()
  chmodSync(plain.has("python3", MADE), 0o644)
  await plain.asked()
  expect(plain.told).toEqual([{ kind: "noPython", command: INSTALLERS[""] }])
  const broken = machine()
  const python = join(broken.bin, "python3")
  writeFileSync(python, "#!/no/such/shell\n")
  chmodSync(python, 0o755)
  await broken.asked()
  expect(broken.told).toMatchObject([
    {
      kind: "notPrepared",
      detail: expect.stringMatching(/^\S+\/python3 (ended with|could not be started:) .*\S/),
    },
  ])
})

test("in a home that is opened as a project the user's own programs run", async () => {
  const { has, asked, told } = machine(undefined, undefined, ({ root }) => root)
  has("python3", MADE)
  await asked()
  expect(told).toEqual(["made"])
})

test("only old Pythons are told with what they are, and how to get a newer one", async () => {
  const { has, asked, told } = machine()
  const outcome = { kind: "oldPython", detail: "Python 3.9 at /usr/bin/python3" }
  has("python3", JSON.stringify(outcome), 3)
  await asked()
  expect(told).toEqual([{ ...outcome, command: "https://www.python.org/downloads" }])
  const debian = machine()
  debian.has("apt-get", "")
  debian.has("python3", JSON.stringify(outcome), 3)
  await debian.asked()
  expect(debian.told).toEqual([{ ...outcome, command: NEWER["apt-get"] }])
})

test("every folder of PATH counts, and a folder or an old Python of the same name hides nothing", async () => {
  const folders = ["one", "two", "three"]
  const { root, put, asked, told, ran } = machine(({ root }) => folders.map((n) => join(root, n)).join(":"))
  mkdirSync(join(root, "one", "python3"), { recursive: true })
  for (const name of ["two", "three"]) mkdirSync(join(root, name))
  const old = put(
    join(root, "two", "python3"),
    `echo '{"kind": "oldPython", "detail": "Python 3.10"}'; exit 3`,
  )
  const good = put(join(root, "three", "python3"), `echo '${MADE}'`)
  await asked()
  expect([told, ran().map((call) => call.split(" ")[0])]).toEqual([["made"], [old, good]])
})

test("a folder is no Python", async () => {
  const { bin, asked, told } = machine()
  mkdirSync(join(bin, "python3"))
  await asked()
  expect(told).toEqual([{ kind: "noPython", command: INSTALLERS[""] }])
})

test("links to one program that goes by their names are several Pythons", async () => {
  const { root, bin, put, asked, told, ran } = machine()
  const old = '{"kind": "oldPython", "detail": "Python 3.10"}'
  const mise = put(
    join(root, "mise"),
    `case "$0" in *python3.12) echo '${MADE}' ;; *) echo '${old}'; exit 3 ;; esac`,
  )
  for (const name of ["python3", "python3.12"]) symlinkSync(mise, join(bin, name))
  await asked()
  expect([told, ran().length]).toEqual([["made"], 2])
})

test("one reason is told once, however its details differ", async () => {
  const { has, asked, told, pass } = machine()
  for (const room of [9, 8, 7]) {
    has("python3", JSON.stringify({ kind: "diskFull", detail: `${room} MB are left` }), 3)
    await asked()
    pass(60_000)
  }
  expect(told).toEqual([{ kind: "diskFull", detail: "9 MB are left" }])
})

test("one that says nothing is told with how it ended, and with the command to run by hand", async () => {
  const { put, bin, asked, told, wheel } = machine()
  const python = put(join(bin, "python3"), "kill -9 $$")
  await asked()
  const command = `${python} -I '${join(wheel, "sidecar")}' prepare`
  expect(told).toEqual([{ kind: "notPrepared", detail: `${python} ended with SIGKILL`, command }])
})

test("one that never ends is ended with all that it started, and the next one is asked", async () => {
  const { root, bin, put, has, asked, told, timers, preparation } = machine()
  const pids = join(root, "pids")
  put(join(bin, "python3"), `/bin/sleep 1000 &\necho "$$ $!" > "${pids}"\nwait`)
  has("python3.12", JSON.stringify({ kind: "noVenv", detail: "no module named venv" }), 3)
  preparation.launch(false)
  await until(() => existsSync(pids) && readFileSync(pids, "utf8").endsWith("\n"))
  expect(timers.map(({ ms }) => ms)).toEqual([21 * 60_000])
  timers[0]?.fn()
  await asked()
  expect(told).toMatchObject([{ kind: "noVenv", detail: "no module named venv" }])
  const isGone = (pid: string) => !existsSync(`/proc/${pid}/cwd`)
  await until(() => readFileSync(pids, "utf8").trim().split(" ").every(isGone))
  expect(timers).toEqual([])
  const alone = machine()
  alone.put(join(alone.bin, "python3"), "exec /bin/sleep 1000")
  alone.preparation.launch(false)
  await until(() => alone.timers.length > 0)
  alone.timers[0]?.fn()
  await alone.asked()
  const program = join(alone.bin, "python3")
  const command = `${program} -I '${join(alone.wheel, "sidecar")}' prepare`
  const detail = `${program} did not end within 21 minutes`
  expect(alone.told).toEqual([{ kind: "notPrepared", detail, command }])
})

test("no program is run from a relative folder, from a project, or from a link into one", async () => {
  const { root, project, put, ran, told, asked } = machine(({ root, bin, project }) =>
    [
      join(project, ".venv", "bin"),
      join(root, "link"),
      ".",
      "bin",
      project,
      join(project, "..venv"),
      bin,
    ].join(":"),
  )
  const theirs = join(project, ".venv", "bin")
  mkdirSync(theirs, { recursive: true })
  symlinkSync(theirs, join(root, "link"))
  mkdirSync(join(project, "..venv"))
  for (const folder of [theirs, join(project, "..venv")])
    for (const name of ["python3", "uv", "python"]) put(join(folder, name), `echo '${MADE}'`)
  const before = process.cwd()
  process.chdir(theirs)
  await asked()
  process.chdir(before)
  expect([ran(), told]).toEqual([[], [{ kind: "noPython", command: INSTALLERS[""] }]])
})

test("neither a project's environment, though it is the active one, nor its folder for data is used", async () => {
  const { root, bin, project, put, ran, told, asked, wheel } = machine(undefined, ({ project }) => ({
    VIRTUAL_ENV: project,
    CONDA_PREFIX: project,
    XDG_DATA_HOME: join(project, "data"),
  }))
  const theirs = join(project, "data", "opencode-quota-sidecar")
  mkdirSync(theirs, { recursive: true })
  const hash = createHash("sha256").update(readFileSync(wheel)).digest("hex")
  const python = put(join(project, "python3"), "")
  writeFileSync(join(theirs, "current.json"), JSON.stringify({ python, wheel: hash }))
  put(join(bin, "uv"), `echo "uv: $VIRTUAL_ENV$CONDA_PREFIX$XDG_DATA_HOME" >> "${join(root, "calls")}"`)
  expect(problem(await asked())).toEqual({ kind: "preparing" })
  expect(ran()).toEqual([
    `${join(bin, "uv")} python find --no-project --system --no-python-downloads >=3.11`,
    "uv: ",
  ])
  expect(told).toEqual([{ kind: "noPython", command: INSTALLERS[""] }])
})

async function until(holds: () => boolean) {
  for (let left = 5000; !holds(); left -= 1) {
    if (left === 0) throw new Error("not within 5 s")
    await Bun.sleep(1)
  }
}
