import { expect, test } from "bun:test"
import { Host } from "../src/host.ts"
import { HostFacts } from "../src/host-file.ts"
import { Router } from "../src/router.ts"
import { Turns } from "../src/turns.ts"
import { OTHER, OWN, tag } from "./bed.ts"

const params = { directory: "/d", sessionId: "s", messageId: "u", target: OTHER }

/** A host whose session `s` the user started and `child` was started by it, and what we said to either side. */
function bed(reply?: unknown, state = "healthy") {
  const asked: unknown[] = []
  const told: unknown[] = []
  const prompts: unknown[] = []
  const is: { status: object; last: object | undefined } = { status: {}, last: user() }
  const client = {
    session: {
      get: async ({ path: { id } }: never) => ({ data: { id, parentID: id === "child" ? "s" : undefined } }),
      messages: async () => ({
        data: [{ info: user("old") }, { info: is.last }, { info: { role: "assistant", id: "a" } }].filter(
          ({ info }) => info,
        ),
      }),
      status: async () => ({ data: is.status }),
      promptAsync: async (prompt: unknown) => void prompts.push(prompt),
    },
  }
  const waited: number[] = []
  const sidecar = {
    state,
    isReady: async (ms: number) => {
      waited.push(ms)
      return sidecar.state === "healthy" || sidecar.state === "suspect"
    },
    ask: async (...args: unknown[]) => {
      asked.push(args)
      return reply && { result: reply }
    },
    tell: (...args: unknown[]) => void told.push(args),
  }
  const host = new Host({ client: client as never, directory: "/d" })
  const facts = new HostFacts("/nowhere")
  facts.content.models.v = { name: "V", npm: "n", ...OTHER }
  const turns = new Turns(sidecar as never, new Router(sidecar as never, facts))
  const hear = (type: string, properties: object) => turns.hear(host, { type, properties })
  const rest = (sessionID = "s") => hear("session.idle", { sessionID })
  const fail = (error: object, sessionID: string | undefined = "s") =>
    hear("session.error", { sessionID, error })
  const errors = () => told.filter((one) => Object(one)[0] === "session/error").map((one) => Object(one)[1])
  return { sidecar, asked, waited, told, prompts, is, host, turns, hear, rest, fail, errors }
}

const user = (id = "u", model: object = {}) => ({
  role: "user",
  id,
  sessionID: "s",
  agent: "build",
  model: { providerID: "own", modelID: "m", ...model },
})
const refused = { name: "APIError", data: { message: "rate limit", statusCode: 429, responseBody: "secret" } }
const told = {
  ...{ directory: "/d", sessionId: "s", messageId: "u", agent: "build", target: OWN },
  ...{ isRoot: true, wentByUs: false, errorName: "APIError", errorMessage: "rate limit", status: 429 },
}

test("a turn goes where the sidecar says, with the variant that it had", async () => {
  const { turns, host, asked } = bed({ target: OTHER })
  const message = user("u", { variant: "high" })
  await turns.route(host, message as never)
  expect(message.model as unknown).toEqual({ providerID: "other", modelID: "n", variant: "high" })
  const question = { directory: "/d", sessionId: "s", agent: "build", target: OWN }
  expect(asked).toEqual([["turn/route", question, 250]])
})

test.each([
  ["dead", 1],
  ["dead", 2],
  ["starting", 1],
  ["starting", 2],
])(
  "one that is %s instead of answering is asked again once it is there, of %d such",
  async (state, lives) => {
    const { sidecar, turns, host, asked, waited } = bed()
    const { isReady } = sidecar
    sidecar.isReady = async (ms) => {
      sidecar.state = "healthy"
      return isReady(ms)
    }
    sidecar.ask = async (...args) => {
      asked.push(args)
      if (asked.length > lives) return { result: { target: OTHER } }
      sidecar.state = state
    }
    const message = user("u", { providerID: "limit-router", modelID: "v" })
    await turns.route(host, message as never)
    expect(message.model as unknown).toEqual({ providerID: "other", modelID: "n" })
    expect([asked.length, waited.length]).toEqual([2, 2])
  },
)

test.each([undefined, {}, { target: undefined }, { target: "x" }, { target: { providerId: "p" } }])(
  "a turn stays where it is when the answer is %j",
  async (reply) => {
    const { turns, host } = bed(reply)
    const message = user()
    await turns.route(host, message as never)
    expect(message).toEqual(user())
  },
)

test("a sidecar that isn't healthy is not asked about a turn, which stays though a virtual model has its id", async () => {
  const { turns, host, asked } = bed({ target: OTHER }, "suspect")
  const message = user("u", { modelID: "v" })
  await turns.route(host, message as never)
  expect(asked).toEqual([])
  expect(message).toEqual(user("u", { modelID: "v" }))
})

test("of a subagent's turn is said who started it, once an event has told", async () => {
  const { turns, host, asked, hear } = bed({})
  const message = { ...user(), sessionID: "child" }
  await turns.route(host, message as never)
  await hear("session.created", { info: { id: "child", parentID: "s" } })
  await turns.route(host, message as never)
  expect(asked.map((one) => Object(one)[1].parentId)).toEqual([undefined, "s"])
})

const virtual = (id = "u", modelID = "v") => user(id, { providerID: "limit-router", modelID })

test.each([
  [{ target: OWN }, "own/m"],
  [{}, "limit-router/v"],
])(
  "a turn of a virtual model waits for a sidecar, which answers %j, and goes to %s",
  async (reply, where) => {
    const { turns, host, asked, waited } = bed(reply)
    const message = virtual()
    await turns.route(host, message as never)
    expect(Object.values(message.model).join("/")).toBe(where)
    const target = { providerId: "limit-router", modelId: "v" }
    expect(asked).toEqual([
      ["turn/route", { directory: "/d", sessionId: "s", agent: "build", target }, 2_000],
    ])
    expect(waited).toEqual([5_000])
  },
)

test.each(["dead", "starting", "suspect"])(
  "a turn of a virtual model goes to its default while the sidecar is %s, and comes back",
  async (state) => {
    const { turns, host, asked } = bed(undefined, state)
    const message = virtual()
    await turns.route(host, message as never)
    const shown = { providerID: "other", modelID: "n" }
    expect(message.model).toEqual(shown)
    expect(asked.length).toBe(state === "suspect" ? 1 : 0)
    const next = user("next", shown)
    await turns.route(host, next as never)
    expect(next.model).toEqual(shown)
    const unknown = virtual("unknown", "w")
    await turns.route(host, unknown as never)
    expect(unknown).toEqual(virtual("unknown", "w"))
  },
)

test("what an assistant's message has used is told once, when it is complete", async () => {
  const { hear, told } = bed()
  const tokens = { input: 10, output: 5, reasoning: 2, cache: { read: 3, write: 4 } }
  const info = {
    role: "assistant",
    id: "a",
    sessionID: "s",
    parentID: "u",
    mode: "plan",
    agent: "build",
    tokens,
  }
  await hear("message.updated", { info: { ...info, time: { created: 1 } } })
  await hear("message.updated", { info: user() })
  for (let times = 0; times < 3; times += 1)
    await hear("message.updated", { info: { ...info, time: { created: 1, completed: 2 } } })
  await hear("message.updated", {
    info: { ...info, id: "b", agent: undefined, tokens: undefined, time: { completed: 2 } },
  })
  const about = { directory: "/d", sessionId: "s", parentId: "u" }
  const used = { inputTokens: 10, outputTokens: 7, cacheReadTokens: 3, cacheWriteTokens: 4 }
  const nothing = {
    inputTokens: undefined,
    outputTokens: 0,
    cacheReadTokens: undefined,
    cacheWriteTokens: undefined,
  }
  expect(told).toEqual([
    ["message/finished", { ...about, messageId: "a", agent: "build", ...used }],
    ["message/finished", { ...about, messageId: "b", agent: "plan", ...nothing }],
  ])
})

test("an error is told when the session has come to rest twice, and once", async () => {
  const { rest, fail, errors } = bed()
  await rest()
  await fail(refused)
  await rest()
  expect(errors()).toEqual([])
  await rest()
  await rest()
  expect(errors()).toEqual([told])
})

test("an error of a subagent says so, and one whose requests went by us too", async () => {
  const { turns, rest, fail, errors } = bed()
  turns.planned({ ...tag, messageId: "u", agent: "title" })
  await fail(refused, "child")
  for (let times = 0; times < 2; times += 1) await rest("child")
  turns.planned({ ...tag, messageId: "u", agent: "build" })
  await fail({ name: "UnknownError" })
  for (let times = 0; times < 2; times += 1) await rest()
  expect(errors()).toEqual([
    { ...told, sessionId: "child", isRoot: false },
    { ...told, wentByUs: true, errorName: "UnknownError", errorMessage: undefined, status: undefined },
  ])
})

test("no error is told that is the user's abort, that the host mends itself, that has no session, or that went on", async () => {
  const { hear, rest, fail, errors, is } = bed()
  const ends = [
    () => fail({ name: "MessageAbortedError" }),
    () => fail({ name: "ContextOverflowError" }),
    () => hear("session.error", { error: refused }),
    async () => {
      await fail(refused)
      await rest()
      await hear("session.status", { sessionID: "s", status: { type: "busy" } })
    },
    async () => {
      is.last = undefined
      await fail(refused)
    },
  ]
  for (const end of ends) {
    await end()
    for (let times = 0; times < 2; times += 1) await rest()
    if (is.last) expect(errors()).toEqual([])
  }
  expect(errors()).toMatchObject([{ messageId: "old" }])
})

test("a turn is done again with the same message, agent and variant, once", async () => {
  const { turns, host, prompts, is } = bed()
  is.last = user("u", { variant: "high" })
  await Promise.all([turns.resume(host, params), turns.resume(host, params)])
  await turns.resume(host, params)
  const model = { providerID: "other", modelID: "n" }
  const body = { messageID: "u", model, agent: "build", variant: "high", parts: [] }
  expect(prompts).toEqual([{ path: { id: "s" }, body }])
})

test("a turn is not done again amid work, in a subagent, for an older message, or without a model", async () => {
  const { turns, host, prompts, is } = bed()
  await turns.resume(host, { ...params, sessionId: "child" })
  await turns.resume(host, { ...params, messageId: "old" })
  await turns.resume(host, { ...params, target: undefined as never })
  for (const type of ["busy", "retry"]) {
    is.status = { s: { type } }
    is.last = user(type)
    await turns.resume(host, { ...params, messageId: type })
  }
  expect(prompts).toEqual([])
  is.status = { other: { type: "busy" } }
  is.last = user()
  await turns.resume(host, params)
  expect(prompts.length).toBe(1)
})
