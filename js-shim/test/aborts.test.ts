import { afterEach, expect, test } from "bun:test"
import { hear, PASS, send, textOf, tidy, timed, until, world, worldOn } from "./bed.ts"
import {
  answers,
  begins,
  CONTENT,
  chunk,
  head,
  ROLE,
  refuses,
  requests,
  STREAM,
  upstream,
} from "./upstreams.ts"

afterEach(tidy)

/** Counts the listeners that are left on it. */
function watched() {
  const controller = new AbortController()
  const { signal } = controller
  const listeners = new Set<unknown>()
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (type: string, fn: never, options: never) => {
    listeners.add(fn)
    addEventListener.call(signal, type, fn, options)
  }
  signal.removeEventListener = (type: string, fn: never) => {
    listeners.delete(fn)
    removeEventListener.call(signal, type, fn)
  }
  return { controller, signal, listeners }
}

type Bed = ReturnType<typeof world>
/** At which moment the user aborts: how to come there, and how many requests have left by then. */
const MOMENTS: [
  string,
  number,
  (abort: () => void) => { bed: Bed; url: string; when?: (bed: Bed) => Promise<unknown> },
][] = [
  ["while the plan is made", 0, (abort) => ({ bed: world(() => void abort()), url: answers().url })],
  [
    "before the head",
    1,
    (abort) => {
      const a = begins()
      return {
        bed: world(PASS, send(answers().url)),
        url: a.url,
        when: () => until(() => a.one.requests[0]).then(abort),
      }
    },
  ],
  [
    "before the head, with a limit on silence",
    1,
    (abort) => {
      const a = begins()
      return {
        bed: world(timed(PASS), send(answers().url)),
        url: a.url,
        when: () => until(() => a.one.requests[0]).then(abort),
      }
    },
  ],
  [
    "amid what opens the stream",
    1,
    (abort) => {
      const a = begins()
      const when = async ({ clock }: Bed) => {
        await until(() => a.one.requests[0])
        await hear(clock, () => a.say(STREAM))
        await hear(clock, () => a.say(chunk(ROLE)))
        abort()
      }
      return { bed: world(timed(PASS), send(answers().url)), url: a.url, when }
    },
  ],
  [
    "amid a slow refusal",
    1,
    (abort) => {
      const a = upstream((socket) => socket.write(`${head(503, { "content-length": "10" })}\r\nhello`))
      return {
        bed: world(PASS, send(answers().url)),
        url: a.url,
        when: (bed) => until(() => bed.clock.waiting === 1).then(abort),
      }
    },
  ],
  [
    "while the failure is asked about",
    1,
    (abort) => {
      const b = answers()
      const plan = () => {
        abort()
        return send(b.url)
      }
      return { bed: world(PASS, plan), url: refuses().url }
    },
  ],
  [
    "while it waits to try again",
    1,
    (abort) => ({
      bed: world(PASS, { kind: "again", afterS: 2 }),
      url: refuses().url,
      when: (bed) => until(() => bed.clock.waiting === 1 && bed.asked.length === 2).then(abort),
    }),
  ],
]

test.each(MOMENTS)("an abort %s is the end: nothing more is sent", async (_, sent, make) => {
  const { controller, signal, listeners } = watched()
  const reason = new DOMException("stop", "AbortError")
  const { bed, url, when } = make(() => controller.abort(reason))
  const outcome = bed.ask(url, { signal }).catch((error) => error)
  await when?.(bed)
  expect(await outcome).toBe(reason)
  await bed.clock.pass(200_000)
  expect([requests().length, listeners.size, bed.clock.waiting]).toEqual([sent, 0, 0])
  expect(bed.told.length).toBe(sent)
  expect(bed.asked.length).toBeLessThanOrEqual(2)
})

test("an abort amid the content ends the stream at both ends, and is nobody's failure", async () => {
  for (const plan of [PASS, timed(PASS)]) {
    const { controller, signal, listeners } = watched()
    const a = begins(ROLE, CONTENT)
    const { ask, asked } = world(plan)
    const read = textOf(await ask(a.url, { signal }))
    controller.abort(new DOMException("stop", "AbortError"))
    expect((await read).error).toMatchObject({ name: "AbortError" })
    await until(() => a.one.closed === 1)
    expect([asked.length, listeners.size]).toEqual([1, 0])
  }
})

test("an abort after the end, as the host always sends one, does nothing", async () => {
  const { controller, signal, listeners } = watched()
  const { ask, asked, told, clock } = world(timed(PASS), timed(send(answers().url)))
  const response = await ask(refuses().url, { signal })
  expect(await response.text()).toBe(ROLE + CONTENT)
  controller.abort()
  expect([asked.length, told.length, listeners.size, clock.waiting]).toEqual([2, 2, 0, 0])
})

test("an answer that ignores the abort is let go all the same", async () => {
  const { controller, signal } = watched()
  let cancelled = false
  const start = (stream: ReadableStreamDefaultController) => stream.enqueue(Buffer.from(ROLE))
  const cancel = () => {
    cancelled = true
  }
  const headers = { "content-type": "text/event-stream" }
  const deaf = async () => new Response(new ReadableStream({ start, cancel }), { headers })
  const { ask, clock } = worldOn(deaf, timed(PASS))
  const outcome = ask("http://x/v1/chat/completions", { signal }).catch((error) => error)
  await until(() => clock.waiting === 1)
  controller.abort(new DOMException("stop", "AbortError"))
  expect(await outcome).toBe(signal.reason)
  expect(cancelled).toBe(true)
})
