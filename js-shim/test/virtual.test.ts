import { afterEach, expect, test } from "bun:test"
import { BODY, hear, OTHER, PASS, send, tidy, timed, until, world, worldOn } from "./bed.ts"
import { answers, begins, CONTENT, REFUSAL, ROLE, refuses, requests } from "./upstreams.ts"

afterEach(tidy)

const URL_OF_ROUTER = "https://limit-router.invalid/v1/chat/completions"
const VIRTUAL = { target: { providerId: "limit-router", modelId: "v" } }
const THIRD = { providerId: "third", modelId: "n" }

/** What is asked and where it arrives, with a `fetch` that knows nobody by the name of the router. */
const bed = (...plans: unknown[]) => {
  const one = world(...plans)
  return { ...one, ask: (init: RequestInit = {}) => one.ask(URL_OF_ROUTER, { ...VIRTUAL, ...init }) }
}

test("a request of a virtual model goes where the plan says, once", async () => {
  const a = answers()
  const { ask, asked, told } = bed(send(a.url, { edits: [{ path: ["model"], set: "n" }] }))
  expect(await (await ask()).text()).toBe(ROLE + CONTENT)
  expect(a.requests.map((text) => text.split("\r\n\r\n")[1])).toEqual([BODY.replace('"m"', '"n"')])
  expect(asked.map(({ method, params, ms }) => [method, params.target, ms])).toEqual([
    ["request/plan", VIRTUAL.target, 250],
  ])
  expect(told).toMatchObject([{ method: "request/finished", target: OTHER, status: 200 }])
})

test("after its last attempt the host gets the response of the first", async () => {
  const [a, b] = [refuses(402), refuses(500)]
  const { ask, asked } = bed(send(a.url), send(b.url, { target: THIRD }), PASS)
  const response = await ask()
  expect([response.status, await response.text()]).toEqual([402, REFUSAL])
  expect(asked.map(({ params }) => params.tried)).toEqual([undefined, [OTHER], [OTHER, THIRD]])
  expect([a.requests.length, b.requests.length]).toEqual([1, 1])
})

test("the first that is silent is waited for when nobody else is left", async () => {
  const [a, b] = [begins(), refuses()]
  const { ask, clock, asked, told } = bed(timed(send(a.url)), PASS)
  const response = ask()
  await until(() => requests().length === 1)
  await clock.pass(90_000)
  await until(() => asked.length === 2)
  await hear(clock, () => a.say(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${CONTENT}`))
  const { status, body } = await response
  expect([status, requests().length, b.requests.length]).toEqual([200, 1, 0])
  expect(told.map(({ status, ttfbS, refused }) => ({ status, ttfbS, refused }))).toEqual([
    { status: 200, ttfbS: 90, refused: undefined },
  ])
  await body?.cancel()
})

test.each([[PASS], [{ kind: "hold" }], [send("nonsense")]])(
  "with the plan %j nothing leaves, not even to the provider's own name",
  async (plan) => {
    const called: unknown[] = []
    const { ask } = worldOn(async (url: unknown) => void called.push(url), plan)
    const response = await ask(URL_OF_ROUTER, VIRTUAL)
    expect([response.status, await response.text(), called]).toEqual([503, "nowhere", []])
  },
)

test("a sidecar that is being started is waited for", async () => {
  const a = answers()
  const { ask, sidecar } = bed(send(a.url))
  const waited: unknown[] = []
  sidecar.state = "starting"
  sidecar.isReady = async (ms) => Boolean(waited.push(ms))
  expect(await (await ask()).text()).toBe(ROLE + CONTENT)
  expect(waited).toEqual([10_000])
})

test.each(["dead", "starting", "stopped"])("one that stays %s is not asked", async (state) => {
  const { ask, asked, sidecar } = bed()
  sidecar.state = state as never
  expect([(await ask()).status, asked]).toEqual([503, []])
})

test("a plan that is late is asked for again, with all the time that is left", async () => {
  const a = answers()
  const { ask, asked, clock, sidecar } = bed(undefined, send(a.url))
  const passing = sidecar.isReady
  sidecar.isReady = async () => {
    if (asked.length === 1) await clock.pass(250)
    return passing.call(sidecar, 0)
  }
  expect(await (await ask()).text()).toBe(ROLE + CONTENT)
  expect(asked.map(({ method, ms }) => [method, ms])).toEqual([
    ["request/plan", 250],
    ["request/plan", 9_750],
  ])
})

test("the one that replaces a hung sidecar is asked too, and nobody after it", async () => {
  const a = answers()
  const replaced = bed(undefined, undefined, send(a.url))
  expect(await (await replaced.ask()).text()).toBe(ROLE + CONTENT)
  const again = bed(undefined, undefined, undefined, send(a.url))
  expect((await again.ask()).status).toBe(503)
  expect([replaced.asked.length, again.asked.length, a.requests.length]).toEqual([3, 3, 1])
})

test("an abort ends the wait", async () => {
  const abort = new AbortController()
  const { ask, asked, sidecar } = bed(send(answers().url))
  sidecar.isReady = (_, signal) =>
    new Promise((resolve) => signal?.addEventListener("abort", () => resolve(true)))
  const response = ask({ signal: abort.signal })
  abort.abort()
  await expect(response).rejects.toThrow("aborted")
  expect([asked.length, requests()]).toEqual([1, []])
})
