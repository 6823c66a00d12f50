import { expect, test } from "bun:test"
import type { Sidecar } from "../src/child.ts"
import { Commands } from "../src/commands.ts"
import builtIn from "../src/host.gen.json"
import type { Host } from "../src/host.ts"
import { HostFacts } from "../src/host-file.ts"
import type { Problem } from "../src/launch.ts"
import { VERSION } from "../src/protocol.gen.ts"
import type { Tag } from "../src/tagged-fetch.ts"

type Turns = Parameters<Commands["forget"]>[0]["messages"]

const host = { directory: "/d" } as Host
const tag: Tag = {
  host,
  sessionId: "s",
  messageId: "q",
  agent: "build",
  target: { providerId: "p", modelId: "x" },
}
const typed = { command: "quota_status", arguments: "acme" }

type Answering = Partial<Pick<Sidecar, "isReady" | "ask" | "trouble" | "state">>

function commandsWith(answer: Answering = {}, notUpdated?: Problem) {
  const asked: unknown[] = []
  const usual = async (...args: unknown[]) => {
    asked.push(args)
    return { result: { text: "two windows left" } }
  }
  const sidecar = { isReady: async () => true, ask: usual, trouble: { kind: "noAnswer" }, ...answer }
  const facts = new HostFacts("/nowhere")
  return { commands: new Commands(sidecar as unknown as Sidecar, facts, "/log", () => notUpdated), asked }
}

/** A marked message, as `command.execute.before` and `chat.message` leave it. */
function type(commands: Commands, messageId = "q") {
  const output = { parts: [{ type: "text", text: "/quota_status acme" }] } as never as {
    parts: Turns[0]["parts"]
  }
  commands.markParts({ command: "quota_status", sessionID: "s", arguments: "acme" }, output)
  commands.markMessage({ message: { id: messageId } as never, parts: output.parts })
  return { info: { role: "user", id: messageId }, parts: output.parts }
}

const user = (id: string) => ({ info: { role: "user", id }, parts: [{ type: "text", text: id }] })
const assistant = (id: string, parentID: string, finish: string | undefined, output = 1) => ({
  info: { role: "assistant", id, parentID, finish, tokens: { output }, time: finish ? { completed: 1 } : {} },
  parts: [{ type: "text", text: id }],
})
function forget(commands: Commands, ...turns: unknown[]): string[] {
  const messages = turns as Turns
  commands.forget({ messages })
  return messages.map(({ info }) => info.id)
}

test("ours are offered, and the user's own command of that name is left alone", () => {
  const { commands } = commandsWith()
  const config = {}
  const offered = Object.fromEntries(
    Object.entries(builtIn.commands).map(([name, { description }]) => [
      name,
      { template: `/${name} $ARGUMENTS`, description },
    ]),
  )
  expect([commands.offer(config), config]).toEqual([
    new Set(Object.keys(builtIn.commands)),
    { command: offered },
  ])
  const mine = { command: { quota_status: { template: "mine" } } }
  expect([commands.offer(mine), mine]).toEqual([
    new Set(Object.keys(offered).filter((name) => name !== "quota_status")),
    { command: { ...offered, quota_status: { template: "mine" } } },
  ])
})

test("a typed command is marked in its part, which is all that stays of the template", () => {
  const { commands } = commandsWith()
  expect(type(commands).parts as unknown[]).toEqual([
    { type: "text", text: "/quota_status acme", metadata: { "opencode-quota-sidecar": typed } },
  ])
  expect(commands.typedIn(tag)).toEqual(typed)
  expect(commands.typedIn({ ...tag, agent: "compaction" })).toBeUndefined()
  expect(commands.typedIn({ ...tag, messageId: "another" })).toBeUndefined()
})

test("a message is asked about once, whoever comes again", async () => {
  const { commands, asked } = commandsWith()
  const texts = [commands.answer(typed, tag, undefined), commands.answer(typed, tag, undefined)]
  expect(await Promise.all(texts)).toEqual(["two windows left", "two windows left"])
  expect(await commands.answer(typed, tag, undefined)).toBe("two windows left")
  const params = { directory: "/d", sessionId: "s", messageId: "q", ...typed, target: tag.target }
  expect(asked).toEqual([["command/execute", params, expect.any(Number), undefined]])
})

test("an abort is the user's, and the next one asks again", async () => {
  const { commands, asked } = commandsWith()
  const signal = AbortSignal.abort(new DOMException("stop", "AbortError"))
  await expect(commands.answer(typed, tag, signal)).rejects.toBe(signal.reason)
  expect(await commands.answer(typed, tag, undefined)).toBe("two windows left")
  expect(asked.length).toBe(2)
})

test("without a sidecar the reason and the cure are told, in the host file's words", async () => {
  const { down, problems } = builtIn.texts
  const say = async (answer: Parameters<typeof commandsWith>[0]) =>
    commandsWith(answer).commands.answer(typed, tag, undefined)
  const filled = ({ kind, detail = "" }: Problem) => {
    const put = (text: string, name: string, value: string) => text.replaceAll(`{${name}}`, () => value)
    const { reason, cure } = problems[kind]
    const withLog = put(down, "log", "/log")
    return put(put(withLog, "reason", put(reason, "detail", detail)), "cure", put(cure, "detail", detail))
  }
  const dead: Problem = { kind: "exited", detail: "$& {log}" }
  const isReady = async () => false
  expect(await say({ isReady, trouble: dead })).toBe(filled(dead))
  expect(await say({ ask: async () => undefined })).toBe(filled({ kind: "noAnswer" }))
  const error = { code: -32603, message: "boom" }
  expect(await say({ ask: async () => ({ error }) })).toBe(filled({ kind: "failed", detail: "boom" }))
  const wrong = { result: { text: 7 } }
  expect(await say({ ask: async () => wrong })).toBe(filled({ kind: "failed", detail: "command/execute" }))
})

test("what another version says of what is left is followed by why it is still there", async () => {
  const why: Problem = { kind: "noPython", command: "brew install python" }
  const told = (command: string, answer: Answering = {}) =>
    commandsWith(answer, why).commands.answer({ ...typed, command }, tag, undefined)
  expect(await told("quota_status")).toBe(
    `two windows left\n\nVersion ${VERSION} could not be set up; the one before goes on. It needs Python 3.11 ` +
      "or newer, and there is none on this machine. Install it: brew install python; then restart OpenCode.",
  )
  expect(await told("route")).toBe("two windows left")
  expect(await told("quota_status", { isReady: async () => false })).toStartWith("The quota sidecar can't")
})

test("a sidecar that is replaced while it is asked has its question answered by whoever comes after it", async () => {
  const replies = [undefined, { result: { text: "the new one's" } }]
  const asked = (state: Sidecar["state"]) =>
    commandsWith({ state, ask: async () => replies.shift() }).commands.answer(typed, tag, undefined)
  expect(await asked("starting")).toBe("the new one's")
  replies.push(undefined, { result: { text: "nobody asks for it" } })
  expect(await asked("dead")).toContain("The quota sidecar can't answer.")
  expect(replies.length).toBe(1)
})

test("our questions and answers leave later turns, the one being answered stays", () => {
  const { commands } = commandsWith()
  const q1 = type(commands, "q1")
  const q2 = type(commands, "q2")
  const turns = [user("u1"), assistant("a1", "u1", "stop"), q1, assistant("r1", "q1", "stop", 0)]
  expect(forget(commands, ...turns, user("u2"))).toEqual(["u1", "a1", "u2"])
  expect(forget(commands, ...turns, q2)).toEqual(["u1", "a1", "q2"])
  expect(forget(commands, ...turns)).toEqual(["u1", "a1"])
})

test("nothing is left of a session that knows commands only: its summary is asked for without them", () => {
  const { commands } = commandsWith()
  expect(forget(commands, type(commands, "q"), assistant("r", "q", "stop", 0))).toEqual([])
})

test("typed amid the model's work, a question leaves and the work stays", () => {
  const { commands } = commandsWith()
  const q = type(commands, "q")
  const work = [user("u"), assistant("a", "u", "tool-calls")]
  expect([forget(commands, ...work, q), commands.typedIn(tag)?.amidWork]).toEqual([["u", "a", "q"], true])
  commands.settle(tag)
  expect(commands.typedIn(tag)).toBeUndefined()
  const after = [
    assistant("r", "q", "tool-calls", 0),
    assistant("b", "q", "tool-calls"),
    assistant("c", "q", "stop"),
  ]
  expect(forget(commands, ...work, q, ...after, user("v"))).toEqual(["u", "a", "b", "c", "v"])
})

test("what the model owes decides whether its work goes on", () => {
  const amid = (...before: unknown[]) => {
    const { commands } = commandsWith()
    forget(commands, ...before, type(commands, "q"))
    return commands.typedIn(tag)?.amidWork ?? false
  }
  const failed = assistant("a", "u", undefined)
  Object.assign(failed.info, { error: { name: "MessageAbortedError" } })
  expect([
    amid(),
    amid(user("u"), assistant("a", "u", "stop")),
    amid(user("u"), failed),
    amid(user("u")),
    amid(user("u"), assistant("a", "u", "tool-calls")),
  ]).toEqual([false, false, false, true, true])
})
