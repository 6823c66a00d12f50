/**
 * Before every test: whatever they, or what they test, put into the temporary folder goes when all have run, and
 * none fails because the machine is slow.
 */
import { afterAll, setDefaultTimeout } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder = mkdtempSync(join(tmpdir(), "shim-tests-"))
process.env.TMPDIR = folder
setDefaultTimeout(30_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))
