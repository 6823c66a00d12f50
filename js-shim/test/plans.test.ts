import { afterEach, expect, test } from "bun:test"
import { BODY, PASS, send, tidy, world } from "./bed.ts"
import { answers, CONTENT, REFUSAL, ROLE, refuses, upstream, whole } from "./upstreams.ts"

afterEach(tidy)

test("what is sent elsewhere has that target's URL, key and body, and nothing of the host's", async () => {
  const [a, b] = [refuses(), answers()]
  const edits = [
    { path: ["model"], set: "n" },
    { path: ["store"], where: undefined },
  ]
  const plan = send(b.url, { headers: { authorization: "Bearer b" }, edits })
  const { ask } = world(PASS, plan)
  const headers = {
    authorization: "Bearer a",
    "x-api-key": "a",
    "x-session-affinity": "s",
    "user-agent": "oc/1",
  }
  await ask(a.url, { headers, body: '{"model":"m","store":true,"messages":[]}' })
  const [head = "", body] = b.requests[0]?.split("\r\n\r\n") ?? []
  const first = head.toLowerCase()
  expect(body).toBe('{"model":"n","messages":[]}')
  expect(first).toContain("authorization: bearer b")
  expect(first).toContain("user-agent: oc/1")
  expect(first).not.toMatch(/bearer a|x-api-key|x-session-affinity|x-opencode-quota/)
})

test("a redirect of another target is not followed: it could take the key elsewhere", async () => {
  const thief = answers()
  const b = upstream((socket) => socket.write(whole(307, "", { location: thief.url })))
  const a = refuses()
  const { ask, asked } = world(PASS, send(b.url), PASS)
  expect((await ask(a.url)).status).toBe(429)
  expect([thief.requests.length, asked.at(-1)?.params.status]).toEqual([0, undefined])
})

test("without a plan in time the request goes as it is, and its refusal is asked about all the same", async () => {
  const [a, b] = [refuses(), answers()]
  const { ask, asked } = world(undefined, send(b.url))
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect(asked.map(({ method }) => method)).toEqual(["request/plan", "request/failed"])
})

test("a suspect sidecar is asked about a refusal all the same", async () => {
  const [a, b] = [refuses(), answers()]
  const { ask, asked, sidecar } = world(send(b.url))
  sidecar.state = "suspect"
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect(asked.map(({ method }) => method)).toEqual(["request/failed"])
})

test("a refusal waits for a sidecar that is being started, and tells the headers that this one wants", async () => {
  const [a, b] = [refuses(429, { "retry-after": "590", date: "today" }), answers()]
  const { ask, asked, sidecar } = world(send(b.url))
  const wanted = sidecar.headerPrefixes
  Object.assign(sidecar, { state: "starting", headerPrefixes: [] })
  sidecar.isReady = async () => {
    sidecar.headerPrefixes = wanted
    return true
  }
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect(asked).toMatchObject([{ method: "request/failed", params: { headers: { "retry-after": "590" } } }])
})

test("one that dies of the question about a refusal is replaced, and asked again once", async () => {
  const [a, b] = [refuses(), answers()]
  const dies = () => {
    sidecar.state = "dead"
  }
  const { ask, asked, sidecar } = world(PASS, dies, send(b.url), PASS, dies, dies)
  sidecar.isReady = async () => {
    sidecar.state = "healthy"
    return true
  }
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect(asked.map(({ method, ms }) => [method, ms])).toEqual([
    ["request/plan", 250],
    ["request/failed", 3_000],
    ["request/failed", 10_000],
  ])
  expect((await ask(a.url)).status).toBe(429)
  expect(asked.length).toBe(6)
})

test.each(["dead", "starting", "stopped"])("a sidecar that stays %s is not asked", async (state) => {
  const a = refuses()
  const { ask, asked, sidecar } = world()
  sidecar.state = state as never
  expect((await ask(a.url)).status).toBe(429)
  expect([asked, a.requests.length]).toEqual([[], 1])
})

test("one that dies between the plan and the failure costs the request nothing", async () => {
  const a = refuses()
  const { ask, asked, sidecar } = world(() => {
    sidecar.state = "dead"
    return PASS
  })
  const response = await ask(a.url)
  expect([response.status, await response.text(), asked.length]).toEqual([429, REFUSAL, 1])
})

test.each([null, 7, {}, { kind: "hold" }, { kind: "again", afterS: 0 }, send("nonsense")])(
  "a plan that makes no sense, %j, is noted, and the request goes as it is",
  async (plan) => {
    const a = answers()
    const { ask, notes } = world(plan)
    expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
    expect([a.requests.length, notes.length]).toEqual([1, 1])
    const after = world(PASS, plan === null || Object(plan).kind !== "again" ? plan : null)
    expect((await after.ask(refuses().url)).status).toBe(429)
    expect(JSON.stringify([notes, after.notes])).not.toContain("nonsense")
  },
)

test("a wire that we don't know is never sent elsewhere, and its refusals are asked about all the same", async () => {
  const [a, b] = [refuses(), answers()]
  const { ask, asked } = world(send(b.url), send(b.url))
  const response = await ask(a.url, { body: new Blob([BODY]) })
  expect([response.status, asked.length, a.requests.length, b.requests.length]).toEqual([429, 2, 1, 0])
  const other = world(PASS, { kind: "again", afterS: 0 })
  expect((await other.ask(a.url.replace("chat/completions", "else"))).status).toBe(429)
  expect([other.asked[0]?.params.wire, a.requests.length]).toEqual(["other", 2])
})
