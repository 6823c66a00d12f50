/**
 * A sidecar that does what a test tells it: real pipes, faked behaviour. Its one argument is a script in JSON:
 * for each method what to do instead of the usual answer. Every message it gets is written to `script.log`.
 */
import { appendFileSync } from "node:fs"

type Action =
  | "silence"
  | "exit"
  | "break"
  | "garbage"
  | "hugeLine"
  | "wrongTypes"
  | { result: unknown }
  | { error: { code: number; message: string } }
  | { say: unknown[]; result: unknown }

type Script = {
  log?: string
  startLine?: string
  dieAtOnce?: boolean
  ignoreEof?: boolean
  on?: Record<string, Action>
}

const script: Script = JSON.parse(process.argv[2] ?? "{}")

const USUAL: Record<string, unknown> = {
  initialize: {
    protocolMajor: 1,
    sidecarVersion: "fake",
    responseHeaderPrefixes: ["x-ratelimit-", "retry-after"],
  },
  "request/plan": { plan: { kind: "pass" } },
  "command/execute": { text: "two windows left" },
}

const write = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`)

function act(action: Action, id: unknown) {
  if (action === "silence") return
  if (action === "exit") process.exit(1)
  if (action === "break") process.exit(3)
  if (action === "garbage") return process.stdout.write(`{"jsonrpc":"2.0","id":${id},\n\xff\xfe[]\nnull\n`)
  if (action === "hugeLine") return process.stdout.write(`"${"x".repeat(5 * 1024 * 1024)}"\n`)
  if (action === "wrongTypes") return write({ jsonrpc: "2.0", id, result: { text: 7, plan: "no" } })
  for (const message of "say" in action ? action.say : []) write(message)
  if ("error" in action) return write({ jsonrpc: "2.0", id, error: action.error })
  write({ jsonrpc: "2.0", id, result: action.result })
}

function receive(line: string) {
  if (script.log) appendFileSync(script.log, `${line}\n`)
  const { id, method } = JSON.parse(line)
  if (id !== undefined && method) act(script.on?.[method] ?? { result: USUAL[method] ?? {} }, id)
}

if (script.dieAtOnce) process.exit(7)
if (script.startLine) process.stderr.write(`${script.startLine}\n`)
if (script.ignoreEof) setInterval(() => {}, 1000)

const decoder = new TextDecoder()
let rest = ""
for await (const chunk of process.stdin) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
  rest = lines.pop() ?? ""
  for (const line of lines) receive(line)
}
