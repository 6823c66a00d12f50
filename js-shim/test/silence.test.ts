import { afterEach, expect, test } from "bun:test"
import { hear, OTHER, OWN, PASS, send, tidy, timed, until, world } from "./bed.ts"
import {
  answers,
  begins,
  CONTENT,
  chunk,
  END,
  OVERLOADED,
  ROLE,
  refuses,
  type Socket,
  STREAM,
  upstream,
} from "./upstreams.ts"

afterEach(tidy)

/** A stream of which `text` has been heard, and no more comes by itself. */
async function held(text: string, ...plans: unknown[]) {
  const a = begins()
  const bed = world(...plans)
  const is = { there: false }
  const response = bed.ask(a.url).then((one) => {
    is.there = true
    return one
  })
  await until(() => a.one.requests.length === 1)
  await hear(bed.clock, () => a.say(STREAM))
  await hear(bed.clock, () => a.say(chunk(text)))
  return { ...bed, a, is, response }
}

const STALLS: [string, string, string[]][] = [
  ["before the head", "", []],
  ["after the head", STREAM, []],
  ["after what opens the stream", STREAM, [ROLE, ": wait\n\n"]],
]

test.each(STALLS)("silence %s ends the attempt, and the request goes on", async (_, opening, chunks) => {
  const a = upstream((socket) => socket.write(Buffer.concat([Buffer.from(opening), ...chunks.map(chunk)])))
  const b = answers()
  const { ask, asked, told, clock } = world(timed(PASS), timed(send(b.url)))
  const response = ask(a.url)
  await until(() => a.requests.length === 1 && clock.waiting > 0)
  await clock.pass(89_999)
  expect(asked.length).toBe(1)
  await clock.pass(1)
  expect(await (await response).text()).toBe(ROLE + CONTENT)
  expect(asked[1]?.params).toMatchObject({ errorName: "TimeoutError", ttfbS: 90, elapsedS: 90, tried: [OWN] })
  expect(told.map(({ target, refused }) => [target, refused])).toEqual([
    [OWN, true],
    [OTHER, undefined],
  ])
  await until(() => a.closed === 1)
})

test("every byte before the content counts as a sign of life", async () => {
  const { a, asked, clock, response } = await held(ROLE, { ...PASS, headersTimeoutS: 2 }, undefined)
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
  async (_, opening, chunks) => {
    let socket: Socket | undefined
    const a = upstream((one) => {
      socket = one
      one.write(Buffer.concat([Buffer.from(opening), ...chunks.map(chunk)]))
    })
    const { ask, asked, told, clock } = world(timed(PASS), undefined)
    const response = ask(a.url)
    await until(() => a.requests.length === 1 && clock.waiting > 0)
    await clock.pass(90_000)
    await until(() => asked.length === 2)
    await clock.pass(500_000)
    expect(told).toEqual([])
    if (!opening) socket?.write(STREAM)
    socket?.write(Buffer.concat([chunk(CONTENT), Buffer.from(END)]))
    expect(await (await response).text()).toBe(chunks.join("") + CONTENT)
    expect([told.length, a.requests.length, asked.length]).toEqual([1, 1, 2])
  },
)

test.each(STALLS)(
  "a silence %s that was left for a target which refused is the host's as a timeout",
  async (_, opening, chunks) => {
    const a = upstream((socket) => socket.write(Buffer.concat([Buffer.from(opening), ...chunks.map(chunk)])))
    const { ask, asked, clock } = world(timed(PASS), send(refuses().url), PASS)
    const response = ask(a.url).catch((error) => error)
    await until(() => a.requests.length === 1 && clock.waiting > 0)
    await clock.pass(90_000)
    expect(await response).toMatchObject({ name: "TimeoutError", message: "The operation timed out." })
    expect([a.requests.length, asked.length]).toEqual([1, 3])
  },
)

test("without a limit, a silent stream is held for as long as it likes", async () => {
  const { a, clock, is, response } = await held(ROLE, PASS)
  await clock.pass(600_000)
  expect([is.there, clock.waiting]).toEqual([false, 0])
  a.say(chunk(CONTENT), END)
  expect(await (await response).text()).toBe(ROLE + CONTENT)
})

test("a preamble of more than 16 KiB, or of more than 5 s, is let go", async () => {
  const long = `: ${"x".repeat(17_000)}\n\n`
  expect((await (await held(long, PASS)).response).status).toBe(200)
  const { a, clock, is, response } = await held(ROLE, PASS)
  await clock.pass(5_001)
  expect(is.there).toBe(false)
  a.say(chunk(": ping\n\n"))
  expect((await response).status).toBe(200)
  a.say(chunk(OVERLOADED), END)
  expect(await (await response).text()).toBe(`${ROLE}: ping\n\n${OVERLOADED}`)
})

test("an error that comes later than 5 s is still one, if it is the first that comes", async () => {
  const { a, clock, response } = await held(ROLE, PASS, send(answers().url))
  await clock.pass(60_000)
  a.say(chunk(OVERLOADED))
  expect(await (await response).text()).toBe(ROLE + CONTENT)
})
