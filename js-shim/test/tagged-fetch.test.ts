import { afterEach, expect, test } from "bun:test"
import type { Sidecar } from "../src/child.ts"
import type { Host } from "../src/host.ts"
import {
  headerFor,
  replaceFetch,
  sendAsPlanned,
  setBounded,
  shapeOf,
  type Tag,
  type TaggedRequest,
  type Tags,
} from "../src/tagged-fetch.ts"

const HEADER = "x-opencode-quota-sidecar"
const real = globalThis.fetch
afterEach(() => {
  globalThis.fetch = real
})

const host = { directory: "/d", headerPrefixes: ["x-quota-"] } as Host
const tag: Tag = {
  host,
  sessionId: "s",
  messageId: "m",
  agent: "build",
  target: { providerId: "p", modelId: "x" },
}

/** A world in which the real fetch only remembers what it was called with. */
function world(handle = (request: TaggedRequest) => request.send()) {
  const calls: unknown[][] = []
  const response = new Response("body", { status: 201 })
  const bare = async (...args: unknown[]) => {
    calls.push(args)
    return response
  }
  globalThis.fetch = Object.assign(bare, { preconnect: () => "kept" }) as unknown as typeof fetch
  const tags: Tags = new Map()
  const seen: TaggedRequest[] = []
  replaceFetch(tags, (request) => {
    seen.push(request)
    return handle(request)
  })
  return { calls, response, tags, seen, id: () => headerFor(tags, tag)[HEADER] ?? "" }
}

function sidecarSaying(reply?: unknown, state = "healthy") {
  const wire: unknown[] = []
  const sidecar = {
    state,
    headerPrefixes: ["x-ratelimit-"],
    ask: async (...args: unknown[]) => {
      wire.push(args)
      return reply
    },
    tell: (...args: unknown[]) => void wire.push(args),
  }
  return { sidecar: sidecar as unknown as Sidecar, wire }
}

test("a request without our header is passed on as it is", async () => {
  const { calls, response, seen } = world()
  const init = { headers: { a: "1" }, timeout: false } as RequestInit
  const request = new Request("http://x/2")
  expect(await fetch("http://x/1", init)).toBe(response)
  await fetch(request)
  expect([calls[0]?.[1] === init, calls[1]?.[0] === request, seen]).toEqual([true, true, []])
  expect((globalThis.fetch as unknown as { preconnect(): string }).preconnect()).toBe("kept")
})

test("the header is found and removed in every form, and the caller's object stays as it is", async () => {
  const { calls, seen, id } = world()
  const signal = new AbortController().signal
  const others = { a: "1", timeout: false, signal }
  const record = { "X-OpenCode-Quota-Sidecar": id(), b: "2" }
  await fetch("http://x", { ...others, headers: record })
  await fetch("http://x", {
    ...others,
    headers: new Headers([
      [HEADER, id()],
      ["b", "2"],
    ]),
  })
  await fetch("http://x", {
    ...others,
    headers: [
      [HEADER, id()],
      ["b", "2"],
    ],
  })
  await fetch(new Request("http://x/r", { headers: { [HEADER]: id(), b: "2" } }))
  const sent = calls.map(([, init]) => [...new Headers((init as RequestInit).headers)])
  expect(sent).toEqual(Array(4).fill([["b", "2"]]))
  expect([calls[0]?.[1], Object.keys(record).length]).toEqual([{ ...others, headers: { b: "2" } }, 2])
  expect(seen.map((request) => [request.tag, request.url, request.signal === signal])).toEqual([
    [tag, "http://x", true],
    [tag, "http://x", true],
    [tag, "http://x", true],
    [tag, "http://x/r", false],
  ])
})

test("an unknown tag is removed, and the request goes its way", async () => {
  const { calls, tags, seen, id } = world()
  const header = id()
  tags.clear()
  await fetch("http://x", { headers: { [HEADER]: header } })
  expect([calls, seen]).toEqual([[["http://x", { headers: {} }]], []])
})

test("a header that a signature covers stays", async () => {
  const { calls, id } = world()
  const headers = {
    [HEADER]: id(),
    authorization: `AWS4-HMAC-SHA256 SignedHeaders=host;${HEADER}, Signature=ab`,
  }
  await fetch("http://x", { headers })
  expect(calls).toEqual([["http://x", { headers }]])
})

test("tags nobody takes are dropped, the oldest first", () => {
  const tags: Tags = new Map()
  const ids = Array.from({ length: 600 }, () => headerFor(tags, tag)[HEADER] ?? "")
  expect([tags.get(ids[0] ?? ""), tags.get(ids[87] ?? ""), tags.get(ids[88] ?? "")]).toEqual([
    undefined,
    undefined,
    tag,
  ])
  const map = new Map<string, number>()
  for (let n = 0; n < 5; n++) setBounded(map, String(n), n, 2)
  expect([...map.keys()]).toEqual(["3", "4"])
})

test("a planned request is asked about, sent, and told of; its response is the very same", async () => {
  const { sidecar, wire } = sidecarSaying({ result: { plan: { kind: "send", unheardOf: true } } })
  const response = new Response("b", {
    status: 429,
    headers: { "X-RateLimit-Left": "0", "X-Quota-Left": "3", "set-cookie": "no" },
  })
  const body = '{"messages":[],"stream":true,"tools":[{}]}'
  const url = "http://x/v1/chat/completions"
  const request: TaggedRequest = { tag, url, body, signal: undefined, send: async () => response }
  expect(await sendAsPlanned(sidecar, request)).toBe(response)
  const about = { requestId: expect.any(String), directory: "/d", sessionId: "s", target: tag.target }
  const shape = { sizeBytes: body.length, hasImages: false, hasTools: true, stream: true }
  const plan = { ...about, messageId: "m", agent: "build", wire: "openai-chat", body: shape }
  const headers = { "x-ratelimit-left": "0", "x-quota-left": "3" }
  const finished = { ...about, origin: "http://x", ttfbS: expect.any(Number), status: 429, headers }
  expect(wire).toEqual([
    ["request/plan", plan, 250, undefined],
    ["request/finished", finished],
  ])
})

test("a sidecar that isn't healthy isn't asked, and a failure is the caller's as it was", async () => {
  const { sidecar, wire } = sidecarSaying(undefined, "suspect")
  const failure = new TypeError("fetch failed")
  const send = () => Promise.reject(failure)
  const request: TaggedRequest = { tag, url: "https://x:443/v1", body: undefined, signal: undefined, send }
  expect(sendAsPlanned(sidecar, request)).rejects.toBe(failure)
  await Promise.resolve()
  const finished = { requestId: expect.any(String), directory: "/d", sessionId: "s", target: tag.target }
  const rest = { origin: "https://x", ttfbS: expect.any(Number), headers: {} }
  expect(wire).toEqual([["request/finished", { ...finished, ...rest }]])
})

test("nothing is sent once the user has aborted, and an abort on the way is told as one", async () => {
  const { sidecar, wire } = sidecarSaying({})
  const aborted = AbortSignal.abort(new DOMException("stop", "AbortError"))
  let sent = 0
  const send = async () => {
    sent += 1
    return new Response()
  }
  const request = { tag, url: "http://x", body: "{}", signal: aborted, send }
  await expect(sendAsPlanned(sidecar, request)).rejects.toBe(aborted.reason)
  const controller = new AbortController()
  const abortsMidway = async () => {
    controller.abort()
    throw controller.signal.reason
  }
  const second = { ...request, signal: controller.signal, send: abortsMidway }
  await expect(sendAsPlanned(sidecar, second)).rejects.toThrow("aborted")
  expect([sent, wire.at(-1)]).toEqual([0, ["request/finished", expect.objectContaining({ aborted: true })]])
})

test("a body is known by its shape, never by what it says", () => {
  const body = (value: unknown) => shapeOf(JSON.stringify(value))
  const text = { role: "user", content: '"tools":[1], "type":"image", "stream":true' }
  expect(body({ messages: [text] })).toMatchObject({ hasImages: false, hasTools: false, stream: false })
  const image = (type: string) => body({ messages: [{ content: [{ type }] }], tools: [], stream: true })
  const expected = { hasImages: true, hasTools: false, stream: true }
  for (const type of ["image", "image_url", "input_image"]) expect(image(type)).toMatchObject(expected)
  const none = { hasImages: false, hasTools: false, stream: false }
  expect(shapeOf("ä")).toEqual({ sizeBytes: 2, ...none })
  expect(shapeOf(new Uint8Array(5))).toEqual({ sizeBytes: 0, ...none })
  expect(shapeOf(undefined)).toEqual({ sizeBytes: 0, ...none })
})
