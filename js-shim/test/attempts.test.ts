import { afterEach, expect, test } from "bun:test"
import { describe } from "../src/attempt.ts"
import { shapeOf } from "../src/attempts.ts"
import { BODY, OTHER, OWN, PASS, send, tidy, until, world } from "./bed.ts"
import { answers, CONTENT, chunk, END, REFUSAL, ROLE, refuses, STREAM, upstream, whole } from "./upstreams.ts"

afterEach(tidy)

const silent = () => upstream(() => {})
/** Where nobody listens. */
const nowhere = () => {
  const one = silent()
  one.stop()
  return one
}

const about = {
  requestId: expect.any(String),
  directory: "/d",
  sessionId: "s",
  messageId: "m",
  agent: "build",
}
const request = (url: string) => ({
  ...about,
  target: OWN,
  wire: "openai-chat",
  body: { sizeBytes: BODY.length, hasImages: false, hasTools: false, stream: true, hasAnswers: false },
  origin: new URL(url).origin,
})
const finished = (url: string, target: object, rest: object) => ({
  method: "request/finished",
  ...about,
  target,
  origin: new URL(url).origin,
  ttfbS: 0,
  headers: {},
  ...rest,
})

test("a refusal goes on at the next target, and each attempt is told", async () => {
  const [a, b] = [refuses(), answers()]
  const { ask, asked, told } = world(PASS, send(b.url))
  const response = await ask(a.url)
  expect([response.status, await response.text()]).toEqual([200, ROLE + CONTENT])
  expect([a.requests.length, b.requests.length]).toEqual([1, 1])
  const failure = {
    tried: [OWN],
    elapsedS: 0,
    failedOrigin: new URL(a.url).origin,
    status: 429,
    headers: { "retry-after": "7" },
    text: REFUSAL,
  }
  expect(asked as unknown).toEqual([
    { method: "request/plan", params: request(a.url), ms: 250 },
    { method: "request/failed", params: { ...request(a.url), ...failure }, ms: 3000 },
  ])
  expect(told).toEqual([
    finished(a.url, OWN, { status: 429, headers: { "retry-after": "7" }, refused: true }),
    finished(b.url, OTHER, { status: 200 }),
  ])
})

test.each([400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 451, 500, 502, 503, 504, 520, 529])(
  "a %d is asked about, and is the host's as it came when nothing else is left",
  async (status) => {
    const a = refuses(status, { "content-encoding": "identity", "set-cookie": "a=b" })
    const { ask, asked } = world(PASS, PASS)
    const response = await ask(a.url)
    expect([response.status, response.ok, response.url, await response.text()]).toEqual([
      status,
      false,
      a.url,
      REFUSAL,
    ])
    expect(Object.fromEntries(response.headers)).toEqual({ "retry-after": "7", "set-cookie": "a=b" })
    expect([a.requests.length, asked.length]).toEqual([1, 2])
  },
)

test("an answer without a body, or with a status that no response of ours can have, is the host's as it is", async () => {
  for (const [status, text] of [
    [304, ""],
    [999, "odd"],
  ] as const) {
    const a = upstream((socket) => socket.write(whole(status, text)))
    const { ask, asked } = world(PASS, PASS)
    const response = await ask(a.url)
    expect([response.status, await response.text(), asked.at(-1)?.params.status]).toEqual([
      status,
      text,
      status,
    ])
  }
})

test("no answer at all is a failure without a status, and the host's error is the very one that was thrown", async () => {
  const a = nowhere()
  const { ask, asked, told } = world(PASS, PASS)
  const error = await ask(`${a.url}?key=secret`).catch((thrown) => thrown)
  expect(error).toMatchObject({ name: "TypeError", code: "ECONNREFUSED" })
  const { status, text, errorName, errorMessage, headers } = asked[1]?.params ?? {}
  expect([status, text, headers, errorName]).toEqual([undefined, undefined, {}, "TypeError"])
  expect(String(errorMessage)).toStartWith("ECONNREFUSED")
  expect(JSON.stringify([asked, told])).not.toContain("secret")
  expect(told).toEqual([finished(a.url, OWN, { refused: true })])
})

test("of an error the codes that it wraps are told, and of a URL in it the origin", () => {
  const cause = Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" })
  const message = "failed: https://user:pass@gw:8/v1?key=secret (no retry)"
  const error = Object.assign(new TypeError(message, { cause }), { code: "FailedToOpenSocket" })
  expect(describe(error)).toEqual({
    errorName: "TypeError",
    errorMessage: "FailedToOpenSocket: failed: https://gw:8 (no retry): ENOTFOUND: getaddrinfo",
  })
  expect(describe("odd")).toEqual({ errorName: "undefined", errorMessage: "" })
})

test("a refused connection, and one that is reset before the head, go on at the next target", async () => {
  const resets = upstream((socket) => socket.terminate())
  for (const a of [nowhere(), resets]) {
    const b = answers()
    const { ask, asked } = world(PASS, send(b.url))
    expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
    expect([asked.length, b.requests.length]).toEqual([2, 1])
  }
  expect(resets.requests.length).toBe(1)
})

test("the first plan may already lead elsewhere; the user's own target is asked when all others have refused", async () => {
  const [a, b, c] = [answers(), refuses(), refuses(400)]
  const { ask, asked } = world(send(b.url), send(c.url), PASS)
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect([a, b, c].map(({ requests }) => requests.length)).toEqual([1, 1, 1])
  expect(asked.map(({ params }) => params.tried)).toEqual([undefined, [OTHER], [OTHER, OTHER]])
})

test("the host never sees another target's complaint: it gets the refusal of its own", async () => {
  const [a, b] = [refuses(), refuses(400)]
  const { ask, told } = world(PASS, send(b.url), PASS)
  const response = await ask(a.url)
  expect([response.status, await response.text()]).toEqual([429, REFUSAL])
  expect([a.requests.length, b.requests.length]).toEqual([1, 1])
  expect(told.map(({ status, refused, aborted }) => [status, refused, aborted])).toEqual([
    [429, true, undefined],
    [400, true, undefined],
  ])
})

test("the error of its own is thrown as it was, after another target has refused", async () => {
  const [a, b] = [nowhere(), refuses(400)]
  const { ask } = world(PASS, send(b.url), PASS)
  expect(await ask(a.url).catch((thrown) => thrown)).toMatchObject({ code: "ECONNREFUSED" })
  expect(b.requests.length).toBe(1)
})

test("when the user's own target refuses last, that is asked about too", async () => {
  const [a, b, c] = [refuses(), refuses(), answers()]
  const { ask, asked } = world(send(b.url), PASS, send(c.url))
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect(asked.map(({ params }) => params.tried)).toEqual([undefined, [OTHER], [OTHER, OWN]])
})

test("again is the same once more, after its wait", async () => {
  let times = 0
  const a = upstream((socket) =>
    socket.write(++times === 1 ? whole(429, REFUSAL) : `${STREAM}${chunk(ROLE + CONTENT)}${END}`),
  )
  const { ask, clock } = world(PASS, { kind: "again", afterS: 1.5 })
  const response = ask(a.url)
  await until(() => clock.waiting > 0 && a.requests.length === 1)
  await clock.pass(1499)
  expect(a.requests.length).toBe(1)
  await clock.pass(1)
  expect(await (await response).text()).toBe(ROLE + CONTENT)
  expect(a.requests[1]).toBe(a.requests[0] ?? "")
})

test("again at another target is that target's request, and the last refusal of its own is the host's", async () => {
  const [a, b] = [refuses(), refuses(500)]
  const { ask } = world(PASS, send(b.url, { headers: { "x-key": "b" } }), { kind: "again", afterS: 0 }, PASS)
  expect((await ask(a.url)).status).toBe(429)
  expect(b.requests.map((one) => one.includes("x-key: b") && !one.includes("authorization"))).toEqual([
    true,
    true,
  ])
})

test("a reply is made of the plan, before anything is sent or after it", async () => {
  const a = refuses()
  const reply = {
    kind: "reply",
    status: 403,
    headers: { "content-type": "application/json" },
    body: '{"error":{}}',
  }
  for (const [plans, sent] of [
    [[reply], 0],
    [[PASS, reply], 1],
  ] as const) {
    const { ask } = world(...plans)
    const response = await ask(a.url)
    expect([response.status, await response.text(), a.requests.length]).toEqual([403, reply.body, sent])
    expect(Object.fromEntries(response.headers)).toEqual(reply.headers)
  }
})

test("however the sidecar goes on, a request is sent sixteen times at most", async () => {
  const [a, b] = [refuses(), refuses()]
  const { ask } = world(PASS, ...Array(40).fill(send(b.url)))
  expect((await ask(a.url)).status).toBe(429)
  expect([a.requests.length, b.requests.length]).toEqual([1, 15])
  const only = world(...Array(40).fill(send(b.url)))
  expect((await only.ask(a.url)).status).toBe(429)
  expect([a.requests.length, b.requests.length]).toEqual([2, 31])
})

test("a body is known by its shape, never by what it says", () => {
  const body = (value: unknown) => shapeOf(JSON.stringify(value))
  const text = { role: "user", content: '"tools":[1], "type":"image", "stream":true' }
  expect(body({ messages: [text] })).toMatchObject({ hasImages: false, hasTools: false, stream: false })
  const image = (type: string) => body({ messages: [{ content: [{ type }] }], tools: [], stream: true })
  const expected = { hasImages: true, hasTools: false, stream: true }
  for (const type of ["image", "image_url", "input_image"]) expect(image(type)).toMatchObject(expected)
  const answered = [
    { messages: [{ role: "assistant" }] },
    { input: [{ role: "user" }, { type: "function_call" }] },
    { input: [{ type: "reasoning" }] },
  ]
  for (const value of answered) expect(body(value)).toMatchObject({ hasAnswers: true })
  expect(body({ messages: [{ role: "user", content: '"role":"assistant"' }] }).hasAnswers).toBe(false)
  const none = { hasImages: false, hasTools: false, stream: false, hasAnswers: false }
  expect(shapeOf("ä")).toEqual({ sizeBytes: 2, ...none })
  expect(shapeOf(new Uint8Array(5))).toEqual({ sizeBytes: 0, ...none })
  expect(shapeOf(undefined)).toEqual({ sizeBytes: 0, ...none })
})
