import { expect, test } from "bun:test"
import { LineBuffer, Peer, type Reply, systemClock, within } from "../src/rpc.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

function connect(write: (line: string) => boolean = () => true) {
  const sent: unknown[] = []
  const seen: unknown[] = []
  const peer = new Peer(
    (line) => {
      sent.push(JSON.parse(line))
      return write(line)
    },
    {
      answered: () => seen.push("answered"),
      notified: (method, params) => seen.push([method, params]),
      noise: () => seen.push("noise"),
    },
  )
  const receive = (...messages: unknown[]) => {
    for (const message of messages) peer.receive(bytes(`${JSON.stringify(message)}\n`))
  }
  return { peer, sent, seen, receive }
}

test("lines come out alike however the bytes arrive", () => {
  const text = '{"a":"ä€😀"}\n\n[1]\ntail'
  const cut = (size: number) => {
    const buffer = new LineBuffer()
    const all = bytes(text)
    const lines: string[] = []
    for (let at = 0; at < all.length; at += size) lines.push(...buffer.push(all.subarray(at, at + size)))
    return lines
  }
  const expected = ['{"a":"ä€😀"}', "", "[1]"]
  expect([cut(1), cut(3), cut(1000)]).toEqual([expected, expected, expected])
})

test("a line over 4 MiB is dropped, and the one after it is read", () => {
  const buffer = new LineBuffer()
  const lines = [...buffer.push(bytes("x".repeat(5 * 1024 * 1024))), ...buffer.push(bytes("y\nnext\n"))]
  expect([lines.length, lines[1]]).toEqual([2, "next"])
  expect(() => JSON.parse(lines[0] ?? "{}")).toThrow()
})

test("a call is settled by its own answer only", async () => {
  const { peer, sent, seen, receive } = connect()
  const first = peer.call("ping", {})
  const second = peer.call("ping", {})
  receive({ jsonrpc: "2.0", id: 99, result: {} }, { jsonrpc: "2.0", id: 2, result: { b: 1 } })
  receive({ jsonrpc: "2.0", id: 1, error: { code: -1, message: "no" } })
  expect(await Promise.all([first.reply, second.reply])).toEqual([
    { error: { code: -1, message: "no" } },
    { result: { b: 1 } },
  ])
  expect(seen).toEqual(["noise", "answered", "answered"])
  expect(sent).toEqual([1, 2].map((id) => ({ jsonrpc: "2.0", id, method: "ping", params: {} })))
})

test("garbage, and what answers nothing, is neither an answer nor an error", () => {
  const { peer, sent, seen, receive } = connect()
  peer.call("ping", {})
  peer.receive(bytes('{"jsonrpc":"2.0","id":1,\nnull\n[]\n"x"\n7\n\n{}\n'))
  peer.receive(new Uint8Array([0xff, 0xfe, 0x0a]))
  receive({ id: 1, result: {} }, { jsonrpc: "2.0", id: 1 }, { jsonrpc: "2.0", id: null, result: {} })
  receive({ jsonrpc: "2.0", id: 1, error: "text" }, { jsonrpc: "2.0", id: "1", result: {} })
  expect(seen).toEqual(Array(13).fill("noise"))
  expect(sent.length).toBe(1)
})

test("a request is refused by its code, a notification handed on", () => {
  const { sent, seen, receive } = connect()
  receive(
    { jsonrpc: "2.0", id: "a", method: "ping", params: {} },
    { jsonrpc: "2.0", id: 4, method: "fs/read" },
  )
  receive({ jsonrpc: "2.0", method: "toast/show", params: { message: "m" } })
  expect(sent).toEqual([
    { jsonrpc: "2.0", id: "a", error: { code: -32601, message: "unknown method: ping" } },
    { jsonrpc: "2.0", id: 4, error: { code: -32601, message: "unknown method: fs/read" } },
  ])
  expect(seen).toEqual(["noise", "noise", ["toast/show", { message: "m" }], "noise"])
})

test("giving up is told to the other side, and a late answer still proves that it lives", async () => {
  const { peer, sent, seen, receive } = connect()
  const { id } = peer.call("ping", {})
  peer.cancel(id)
  peer.cancel(id)
  receive({ jsonrpc: "2.0", id, error: { code: -32800, message: "cancelled" } })
  expect(sent.slice(1)).toEqual([{ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } }])
  expect(seen).toEqual(["answered", "noise"])
})

test("a full pipe, a closed wire and a line over the limit answer nothing", async () => {
  const full = connect(() => false).peer.call("ping", {})
  const open = connect()
  const huge = open.peer.call("workspace/close", { directory: "x".repeat(4 * 1024 * 1024) })
  const waiting = open.peer.call("ping", {})
  open.peer.close()
  const late = open.peer.call("ping", {})
  const replies = [full, huge, waiting, late].map(({ reply }) => reply)
  expect(await Promise.all(replies)).toEqual([undefined, undefined, undefined, undefined])
  expect(open.sent.length).toBe(1)
})

test("strings are sent well-formed, and others as they are", () => {
  const { peer, sent } = connect()
  peer.call("workspace/close", { directory: "a\ud800b" })
  peer.call("workspace/close", { directory: "\\ud800 and 😀" })
  const params = sent.map((message) => (message as { params: unknown }).params)
  expect(params).toEqual([{ directory: "a\ufffdb" }, { directory: "\\ud800 and 😀" }])
})

test("a deadline looks at the event loop once more before it counts", async () => {
  const answered = Promise.withResolvers<string>()
  const started = performance.now()
  const result = within(systemClock, answered.promise, 5)
  while (performance.now() - started < 20); // the machine slept
  setImmediate(() => answered.resolve("in time after all"))
  expect(await result).toBe("in time after all")
})

test("an abort ends a wait at once", async () => {
  const never = new Promise<Reply>(() => {})
  const controller = new AbortController()
  const result = within(systemClock, never, 60_000, controller.signal)
  controller.abort()
  expect(await result).toBeUndefined()
  expect(await within(systemClock, never, 60_000, AbortSignal.abort())).toBeUndefined()
})
