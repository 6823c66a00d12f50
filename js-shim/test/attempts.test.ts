import { afterEach, expect, test } from "bun:test"
import { sendPlanned } from "../src/attempts.ts"
import { headerFor, replaceFetch, type Tags } from "../src/tagged-fetch.ts"
import {
  chunk,
  END,
  FakeClock,
  OTHER,
  OWN,
  STREAM,
  sidecarSaying,
  stopUpstreams,
  tag,
  upstream,
  whole,
} from "./bed.ts"

const real = globalThis.fetch
afterEach(() => {
  globalThis.fetch = real
  stopUpstreams()
})

const PASS = { kind: "pass" }
const BODY = '{"model":"m","stream":true,"messages":[]}'
const REFUSAL = '{"error":{"message":"rate limit"}}'
const ANSWER = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n'

/** A world whose sidecar says these plans; `ask` is the host's request. */
function world(...plans: unknown[]) {
  const clock = new FakeClock()
  const notes: unknown[] = []
  const said = sidecarSaying(...plans)
  const tags: Tags = new Map()
  replaceFetch(tags, (request) => sendPlanned(said.sidecar, request, (...note) => notes.push(note), clock))
  const ask = (url: string, init: RequestInit = {}) => {
    const headers = { "content-type": "application/json", ...headerFor(tags, tag) }
    return fetch(url, { method: "POST", body: BODY, ...init, headers: { ...headers, ...init.headers } })
  }
  return { ...said, clock, notes, ask }
}

const send = (url: string, more: object = {}) => ({ kind: "send", target: OTHER, url, headers: {}, ...more })
const refuses = (status = 429) =>
  upstream((socket) => socket.write(whole(status, REFUSAL, { "retry-after": "7" })))
const answers = () => upstream((socket) => socket.write(`${STREAM}${chunk(ANSWER)}${END}`))

test("a refusal goes on at the next target, and each attempt is told", async () => {
  const [a, b] = [refuses(), answers()]
  const { ask, asked, told } = world(PASS, send(b.url))
  const response = await ask(a.url)
  expect([response.status, await response.text()]).toEqual([200, ANSWER])
  expect([a.requests.length, b.requests.length]).toEqual([1, 1])
  const about = {
    requestId: expect.any(String),
    directory: "/d",
    sessionId: "s",
    messageId: "m",
    agent: "build",
  }
  const body = { sizeBytes: BODY.length, hasImages: false, hasTools: false, stream: true }
  const origin = new URL(a.url).origin
  const request = { ...about, target: OWN, wire: "openai-chat", body, origin } as never
  expect(asked).toEqual([
    { method: "request/plan", params: request, ms: 250 },
    {
      method: "request/failed",
      params: {
        ...(request as object),
        tried: [OWN],
        elapsedS: 0,
        ttfbS: 0,
        failedOrigin: origin,
        status: 429,
        headers: { "retry-after": "7" },
        text: REFUSAL,
      } as never,
      ms: 1000,
    },
  ])
  const finished = { method: "request/finished", ...about, ttfbS: 0 }
  expect(told).toEqual([
    { ...finished, target: OWN, origin, status: 429, headers: { "retry-after": "7" }, refused: true },
    { ...finished, target: OTHER, origin: new URL(b.url).origin, status: 200, headers: {} },
  ])
})

test("when nothing else is left, the host gets the refusal as it came", async () => {
  const a = refuses()
  const { ask } = world(PASS, PASS)
  const response = await ask(a.url)
  expect([response.status, response.headers.get("retry-after"), await response.text()]).toEqual([
    429,
    "7",
    REFUSAL,
  ])
  expect([a.requests.length, response.url]).toEqual([1, a.url])
})
