import { afterEach, expect, test } from "bun:test"
import { hear, OTHER, OWN, PASS, send, tidy, timed, until, world } from "./bed.ts"
import { answers, begins, CONTENT, chunk, END, OVERLOADED, ROLE, refuses, STREAM } from "./upstreams.ts"

afterEach(tidy)

/** An answer of which these pieces have been heard, one after the other; no more comes by itself. */
async function held(pieces: (string | Uint8Array)[], ...plans: unknown[]) {
  const a = begins()
  const bed = world(...plans)
  const is = { there: false }
  const response = bed.ask(a.url).then((one) => {
    is.there = true
    return one
  })
  await until(() => a.one.requests.length === 1)
  for (const piece of pieces) await hear(bed.clock, () => a.say(piece))
  return { ...bed, a, is, response }
}

const OPEN = [STREAM, chunk(ROLE)]
const STALLS: [string, (string | Uint8Array)[]][] = [
  ["before the head", []],
  ["after the head", [STREAM]],
  ["after what opens the stream", [...OPEN, chunk(": wait\n\n")]],
]

test.each(STALLS)("silence %s ends the attempt, and the request goes on", async (_, pieces) => {
  const plans = [timed(PASS), timed(send(answers().url))]
  const { a, response, asked, told, clock } = await held(pieces, ...plans)
  await clock.pass(89_999)
  expect(asked.length).toBe(1)
  await clock.pass(1)
  expect(await (await response).text()).toBe(ROLE + CONTENT)
  expect(asked[1]?.params).toMatchObject({ errorName: "TimeoutError", elapsedS: 90, tried: [OWN] })
  expect(told.map(({ target, refused }) => [target, refused])).toEqual([
    [OWN, true],
    [OTHER, undefined],
  ])
  await until(() => a.one.closed === 1)
})

test("every byte before the content counts as a sign of life", async () => {
  const { a, asked, clock, response } = await held(OPEN, { ...PASS, headersTimeoutS: 2 }, undefined)
  for (let times = 0; times < 2; times += 1) {
    await clock.pass(1_999)
    await hear(clock, () => a.say(chunk(": still\n\n")))
  }
  await clock.pass(1_999)
  expect(asked.length).toBe(1)
  await clock.pass(1)
  await until(() => asked.length === 2)
  a.say(chunk(CONTENT), END)
  expect(await (await response).text()).toContain(CONTENT)
})

test.each(STALLS)(
  "after a silence %s without another target, the same attempt is waited for on",
  async (_, pieces) => {
    const { a, response, asked, told, clock } = await held(pieces, timed(PASS), undefined)
    await clock.pass(90_000)
    await until(() => asked.length === 2)
    await clock.pass(500_000)
    expect(told).toEqual([])
    a.say(pieces.length > 0 ? "" : STREAM, chunk(CONTENT), END)
    expect(await (await response).text()).toEndWith(CONTENT)
    expect([told.length, a.one.requests.length, asked.length]).toEqual([1, 1, 2])
  },
)

test.each(STALLS)(
  "a silence %s that was left for a target which refused is the host's as a timeout",
  async (_, pieces) => {
    const { a, response, asked, clock } = await held(pieces, timed(PASS), send(refuses().url), PASS)
    const outcome = response.catch((error) => error)
    await clock.pass(90_000)
    expect(await outcome).toMatchObject({ name: "TimeoutError", message: "The operation timed out." })
    expect([a.one.requests.length, asked.length]).toEqual([1, 3])
  },
)

test("without a limit, a silent stream is held for as long as it likes", async () => {
  const { a, clock, is, response } = await held(OPEN, PASS)
  await clock.pass(600_000)
  expect([is.there, clock.waiting]).toEqual([false, 0])
  a.say(chunk(CONTENT), END)
  expect(await (await response).text()).toBe(ROLE + CONTENT)
})

test("a preamble of more than 256 KiB, or of more than 5 s, is let go", async () => {
  const long = `: ${"x".repeat(270_000)}\n\n`
  expect((await (await held([STREAM, chunk(long)], PASS)).response).status).toBe(200)
  const { a, clock, is, response } = await held(OPEN, PASS)
  await clock.pass(5_001)
  expect(is.there).toBe(false)
  a.say(chunk(": ping\n\n"))
  expect((await response).status).toBe(200)
  a.say(chunk(OVERLOADED), END)
  expect(await (await response).text()).toBe(`${ROLE}: ping\n\n${OVERLOADED}`)
})

test("an error that comes later than 5 s is still one, if it is the first that comes", async () => {
  const { a, clock, response } = await held(OPEN, PASS, send(answers().url))
  await clock.pass(60_000)
  a.say(chunk(OVERLOADED))
  expect(await (await response).text()).toBe(ROLE + CONTENT)
})
