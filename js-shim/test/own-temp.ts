/** Before every test: whatever they, or what they test, put into the temporary folder goes when all have run. */
import { afterAll } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "shim-tests-"))
process.env.TMPDIR = folder
afterAll(() => rmSync(folder, { recursive: true, force: true }))
