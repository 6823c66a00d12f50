/**
 * The npm package, made in the folder that holds the wheel: the shim as one file, that wheel, and what a person
 * reads. It says which files are in it and how large it is. `bun pack.ts FOLDER`, from anywhere.
 */
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import manifest from "./package.json" with { type: "json" }
import { ownWheel } from "./src/launch.ts"
import { VERSION } from "./src/protocol.gen.ts"

const ENTRY = "./server.js"
const READ = ["README.md", "INSTALL.md", "CHANGELOG.md", "LICENSE"]

const folder = resolve(process.argv[2] ?? "dist")
const root = resolve(import.meta.dir, "..")
const content = join(folder, "npm")
const wheel = ownWheel(folder)
if (!wheel) throw new Error(`there is no wheel of ${VERSION} in ${folder}: make build`)

rmSync(content, { recursive: true, force: true })
mkdirSync(content)
const built = await Bun.build({
  entrypoints: [join(import.meta.dir, "src", "index.ts")],
  outdir: content,
  naming: basename(ENTRY),
  target: "bun",
})
if (!built.success) throw new AggregateError(built.logs, "the shim could not be built")
for (const name of READ) copyFileSync(join(root, name), join(content, name))
copyFileSync(wheel, join(content, basename(wheel)))

// The checkout's own entry is its source, and its tools are of no use to anybody else.
const { name, description, license, type, engines, "oc-plugin": parts } = manifest
const entries = { main: ENTRY, exports: { "./server": ENTRY }, "oc-plugin": parts }
const published = { name, version: VERSION, description, license, type, engines, ...entries }
writeFileSync(join(content, "package.json"), `${JSON.stringify(published, null, 2)}\n`)

const printed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: content })
const { filename, size, unpackedSize, files } = Object(Object.values(JSON.parse(printed.toString()))[0])
for (const file of files) console.log(`${String(file.size).padStart(10)}  ${file.path}`)
console.log(`${join(basename(folder), filename)}: ${kilobytes(size)}, unpacked ${kilobytes(unpackedSize)}`)

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} kB`
}
