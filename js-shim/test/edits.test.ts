import { expect, test } from "bun:test"
import { editBody, readPlan, requestOf } from "../src/edits.ts"
import type { Edit } from "../src/protocol.gen.ts"
import { OTHER, send } from "./bed.ts"

const edited = (body: unknown, ...edits: Edit[]) => JSON.parse(editBody(JSON.stringify(body), edits) ?? "0")

test("a path is removed where it is, and what isn't there is left so", () => {
  const body = { a: 1, b: { c: [{ d: 1, e: 2 }, { d: 3 }, "d", null] }, toString: 1 }
  expect(edited(body, { path: ["a"] }, { path: ["b", "c", "*", "d"] }, { path: ["x", "y"] })).toEqual({
    b: { c: [{ e: 2 }, {}, "d", null] },
    toString: 1,
  })
  expect(edited(body, { path: ["constructor"] }, { path: ["a", "*"] }, { path: ["b", "*"] })).toEqual(body)
})

test("items of a list are removed by what they are", () => {
  const messages = [
    {
      content: [
        { type: "thinking", signature: "s" },
        { type: "text" },
        { type: "thinking" },
        { type: "thinking" },
      ],
    },
    { content: "text" },
    { content: [null, { type: "thinking" }] },
  ]
  const edit = { path: ["messages", "*", "content", "*"], where: { type: "thinking" } }
  expect(edited({ messages }, edit)).toEqual({
    messages: [{ content: [{ type: "text" }] }, { content: "text" }, { content: [null] }],
  })
})

test("a value is set, with what has to be there for it, and never on what we all inherit", () => {
  expect(
    edited(
      { model: "m", list: [1] },
      { path: ["model"], set: "n" },
      { path: ["provider", "order"], set: ["x"] },
      { path: ["stop"], set: null },
      { path: ["model", "inside"], set: 1 },
      { path: ["list", "0"], set: { y: 1 } },
      { path: ["list", "3"], set: 1 },
      { path: ["list", "3", "y"], set: 1 },
      { path: ["__proto__", "polluted"], set: true },
    ),
  ).toEqual({ model: "n", list: [{ y: 1 }], provider: { order: ["x"] }, stop: null })
  expect(Object({}).polluted).toBeUndefined()
  expect(edited({ a: [{ t: 1 }, { t: "1" }] }, { path: ["a", "*"], where: { t: "1" }, set: 7 })).toEqual({
    a: [{ t: 1 }, 7],
  })
})

test("a number is lowered, and nothing else is", () => {
  const body = { max: 100, low: 5, text: "100" }
  const edits = ["max", "low", "text", "none"].map((key) => ({ path: [key], atMost: 50 }))
  expect(edited(body, ...edits)).toEqual({ max: 50, low: 5, text: "100" })
})

test("only what describes the body stays of the host's headers; a login's marks go", () => {
  const own = new Headers({
    "content-type": "application/json",
    accept: "text/event-stream",
    "user-agent": "opencode/1",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "oauth-2025-04-20, fine-grained-tool-streaming-2025-05-14,interleaved",
    authorization: "Bearer secret",
    "x-api-key": "secret",
    cookie: "secret",
    "x-session-affinity": "s",
  })
  const plan = send("https://b/v1", { headers: { authorization: "Bearer b", Accept: "b" } }) as never
  const init = requestOf(plan, "POST", own, "{}")
  expect({ ...init, headers: Object.fromEntries(new Headers(init?.headers)) } as unknown).toEqual({
    method: "POST",
    body: "{}",
    redirect: "error",
    timeout: false,
    headers: {
      "content-type": "application/json",
      accept: "b",
      "user-agent": "opencode/1",
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "fine-grained-tool-streaming-2025-05-14,interleaved",
      authorization: "Bearer b",
    },
  })
  const login = new Headers({ "anthropic-beta": "oauth-2025-04-20" })
  expect([...new Headers(requestOf(plan, "POST", login, "{}")?.headers).keys()]).toEqual([
    "accept",
    "authorization",
  ])
})

test("a body that is no JSON can't be edited, and one without edits stays byte for byte", () => {
  const plan = (edits: Edit[]) => send("https://b/v1", { edits }) as never
  expect(requestOf(plan([{ path: ["a"] }]), "POST", new Headers(), "{no")).toBeUndefined()
  expect(requestOf(plan([]), "POST", new Headers(), '{ "a":  1.0 }')?.body).toBe('{ "a":  1.0 }')
})

test("a plan that we can carry out is taken as it is", () => {
  for (const plan of [
    { kind: "pass" },
    { kind: "pass", headersTimeoutS: 90 },
    { kind: "again", afterS: 0.5 },
    { kind: "reply", status: 429, headers: { "retry-after-ms": "900" }, body: "{}" },
    send("http://127.0.0.1:1/v1?x=1", { headers: { "X-A": "1" }, edits: [{ path: ["a"], set: null }] }),
  ])
    expect(readPlan(plan) as unknown).toEqual(plan)
})

test("a plan that makes no sense is none", () => {
  const edits = [
    [7],
    [{}],
    [{ path: [] }],
    [{ path: [1] }],
    [{ path: ["a"], where: 1 }],
    [{ path: ["a"], atMost: "1" }],
    7,
  ]
  for (const plan of [
    undefined,
    null,
    "pass",
    [],
    {},
    { kind: "toString" },
    { kind: "hold" },
    { kind: "pass", headersTimeoutS: "90" },
    { kind: "pass", headersTimeoutS: -1 },
    { kind: "again" },
    { kind: "again", afterS: Number.NaN },
    { kind: "again", afterS: 3600 },
    { kind: "reply", status: 99, headers: {}, body: "" },
    { kind: "reply", status: 429, headers: { "a b": "" }, body: "" },
    { kind: "reply", status: 429, headers: {}, body: 7 },
    send("b/v1"),
    send("file:///etc/passwd"),
    send("ftp://b/"),
    { ...send("http://b/"), url: 7 },
    { ...send("http://b/"), target: { providerId: "b" } },
    { ...send("http://b/"), headers: { a: "b\r\nc" } },
    { ...send("http://b/"), headers: { a: 7 } },
    { ...send("http://b/"), headers: undefined },
    ...edits.map((edits) => send("http://b/", { edits })),
  ])
    expect([plan, readPlan(plan)]).toEqual([plan, undefined])
  expect(readPlan({ ...send("http://b/"), target: OTHER })).toBeDefined()
})
