import { afterEach, expect, test } from "bun:test"
import { setBounded } from "../src/plain.ts"
import { headerFor, replaceFetch, type TaggedRequest, type Tags } from "../src/tagged-fetch.ts"
import { tag } from "./bed.ts"

const HEADER = "x-opencode-quota-sidecar"
const real = globalThis.fetch
afterEach(() => {
  globalThis.fetch = real
})

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
