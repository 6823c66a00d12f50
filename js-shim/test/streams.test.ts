import { afterEach, expect, test } from "bun:test"
import { PASS, send, textOf, tidy, until, world, worldOn } from "./bed.ts"
import {
  answers,
  begins,
  CONTENT,
  chunk,
  head,
  OVERLOADED,
  REFUSAL,
  ROLE,
  refuses,
  STREAM,
  says,
  upstream,
  whole,
} from "./upstreams.ts"

/** A reset takes with it what was not read yet, and nothing tells the other side when that was read. */
const RESET_MS = 400

afterEach(tidy)

test("whatever comes and however it is cut, the host gets the same bytes", async () => {
  const random = new Uint8Array(3_000_000)
  for (let at = 0; at < random.length; at += 65_536) crypto.getRandomValues(random.subarray(at, at + 65_536))
  const bytes = Buffer.concat([Buffer.from(ROLE + CONTENT), random])
  const pieces: Uint8Array[] = []
  for (let at = 0, size = 1; at < bytes.length; at += size, size = 1 + ((size * 7919) % 9973))
    pieces.push(bytes.subarray(at, at + size))
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            const piece = pieces.shift()
            if (piece) controller.enqueue(piece)
            else controller.close()
          },
        }),
        { headers: { "content-type": "text/event-stream", "x-more": "1" } },
      ),
  })
  const response = await world(PASS).ask(`${server.url}v1/chat/completions`)
  expect([response.status, response.ok, response.headers.get("x-more")]).toEqual([200, true, "1"])
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
  await server.stop(true)
})

test("a compressed answer is the host's decoded, and says so", async () => {
  const bytes = Bun.gzipSync(Buffer.from(CONTENT))
  const headers = { "content-type": "text/event-stream", "content-encoding": "gzip" }
  const a = upstream((socket) => {
    socket.write(`${head(200, { ...headers, "content-length": String(bytes.length) })}\r\n`)
    socket.write(bytes)
  })
  const response = await world(PASS).ask(a.url)
  expect([response.headers.get("content-encoding"), response.headers.get("content-length")]).toEqual([
    null,
    null,
  ])
  expect(await response.text()).toBe(CONTENT)
})

test("an answer of which nothing had to be read is the very same response", async () => {
  for (const [url, type] of [
    ["http://x/v1/chat/completions", "text/html"],
    ["http://x/v1/else", "text/event-stream"],
  ] as const) {
    const response = new Response("b", { headers: { "content-type": type } })
    const { ask } = worldOn(async () => response, PASS)
    expect(await ask(url, { body: '{"messages":[]}' })).toBe(response)
  }
})

test.each([
  ["an error event before the content", [ROLE, OVERLOADED], /529/],
  ["an error event at once", ["event: error\ndata: no\n\n"], /^no$/],
  ["an end before the content", [ROLE], /assistant/],
  ["an empty stream", [], /^$/],
])("%s under a 200 goes on at the next target", async (_, chunks, text) => {
  const [a, b] = [says(...chunks), answers()]
  const { ask, asked, told } = world(PASS, send(b.url))
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect([asked[1]?.params.status, asked[1]?.params.text]).toEqual([200, expect.stringMatching(text)])
  expect(told.map(({ status, refused }) => [status, refused])).toEqual([
    [200, true],
    [200, undefined],
  ])
})

test("with nowhere else to go, the host gets such a stream as it came", async () => {
  for (const chunks of [[ROLE, OVERLOADED, CONTENT], [ROLE], []]) {
    const response = await world(PASS, PASS).ask(says(...chunks).url)
    expect([response.status, await response.text()]).toEqual([200, chunks.join("")])
  }
})

test("after another target was tried, what had been read of it is still the host's", async () => {
  const a = begins(ROLE, OVERLOADED)
  const { ask } = world(PASS, send(refuses().url), PASS)
  const response = await ask(a.url)
  expect([response.status, await response.text()]).toEqual([200, ROLE + OVERLOADED])
  await until(() => a.one.closed === 1)
})

test("an error after the content began is the host's alone", async () => {
  const { ask, asked } = world(PASS)
  expect(await (await ask(says(ROLE, CONTENT, OVERLOADED).url)).text()).toBe(ROLE + CONTENT + OVERLOADED)
  expect(asked.length).toBe(1)
})

test("a stream that is reset before its content goes on; with nowhere to go, it breaks as it did", async () => {
  const a = upstream((socket) => {
    socket.write(STREAM + chunk(ROLE))
    setTimeout(() => socket.terminate(), RESET_MS)
  })
  const { ask, asked } = world(PASS, send(answers().url))
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect(asked[1]?.params).toMatchObject({ status: 200, errorName: "TypeError" })
  for (const plans of [
    [PASS, PASS],
    [PASS, send(refuses().url), PASS],
  ]) {
    const { text, error } = await textOf(await world(...plans).ask(a.url))
    expect([text, error]).toEqual([ROLE, expect.objectContaining({ code: "ECONNRESET" })])
  }
})

test("a stream that breaks after its content began is the host's, and nothing is sent again", async () => {
  const a = begins(ROLE, CONTENT)
  const { ask, asked, told } = world(PASS, send(answers().url))
  const response = await ask(a.url)
  const read = textOf(response)
  a.reset()
  expect(await read).toEqual({ text: ROLE + CONTENT, error: expect.objectContaining({ code: "ECONNRESET" }) })
  expect(asked.map(({ method }) => method)).toEqual(["request/plan"])
  expect([told.length, a.one.requests.length]).toEqual([1, 1])
})

test("a whole answer passes as it came; one that is an error goes on", async () => {
  const json = { "content-type": "application/json; charset=utf-8" }
  const plain = '{ "choices": [ {"message": {"content": "grüß"}} ], "error": null }'
  const long = JSON.stringify({ error: {}, filler: "é".repeat(70_000), choices: [] })
  for (const text of [plain, long, "", "no JSON", '{"error":{},"content":[]}']) {
    const { ask, asked } = world(PASS)
    const { url } = upstream((socket) => socket.write(whole(200, text, json)))
    const response = await ask(url, { body: '{"model":"m","messages":[]}' })
    expect([await response.text(), asked.length]).toEqual([text, 1])
  }
  const a = upstream((socket) => socket.write(whole(200, REFUSAL, json)))
  const { ask, asked } = world(PASS, send(answers().url))
  expect(await (await ask(a.url)).text()).toBe(ROLE + CONTENT)
  expect([asked[1]?.params.status, asked[1]?.params.text]).toEqual([200, REFUSAL])
  expect(await (await world(PASS, PASS).ask(a.url)).text()).toBe(REFUSAL)
})

test("an answer in events that is called JSON is let go with its content, and one in JSON that was to come in events is judged", async () => {
  const json = { "content-type": "application/json" }
  const a = upstream((socket) => {
    socket.write(`${head(200, { ...json, "transfer-encoding": "chunked" })}\r\n${chunk(ROLE + CONTENT)}`)
  })
  expect((await world(PASS).ask(a.url)).status).toBe(200)
  const answer = JSON.stringify({ choices: [{ message: { content: "hi" } }] }, null, 2)
  const whole200 = (text: string) => upstream((socket) => socket.write(whole(200, text, json)))
  const { ask, asked } = world(PASS)
  expect([await (await ask(whole200(answer).url)).text(), asked.length]).toEqual([answer, 1])
  const refusal = JSON.stringify(JSON.parse(REFUSAL), null, 2)
  const bed = world(PASS, send(answers().url))
  expect(await (await bed.ask(whole200(refusal).url)).text()).toBe(ROLE + CONTENT)
  expect(bed.asked[1]?.params).toMatchObject({ status: 200, text: refusal })
})

test("of a long refusal 64 KiB are told, and the host gets all of it", async () => {
  const text = `{"error":"${"é".repeat(200_000)}"}`
  const a = upstream((socket) => {
    const bytes = Buffer.from(whole(429, text))
    const write = (at: number) => {
      const sent = at + Number(socket.write(bytes.subarray(at)))
      if (sent < bytes.length) setTimeout(write, 1, sent)
    }
    write(0)
  })
  const { ask, asked } = world(PASS, PASS)
  const response = await ask(a.url)
  const told = String(asked[1]?.params.text)
  // It ends with a chunk, wherever that ends: with 64 KiB of bytes at least, and as many characters at most.
  expect([told.length <= 64 * 1024, Buffer.byteLength(told) >= 64 * 1024 - 1]).toEqual([true, true])
  expect(text.startsWith(told)).toBe(true)
  expect((await response.text()) === text).toBe(true)
  const elsewhere = await world(PASS, send(answers().url)).ask(a.url)
  expect(await elsewhere.text()).toBe(ROLE + CONTENT)
  const back = await (await world(PASS, send(refuses().url), PASS).ask(a.url)).text()
  expect([back.length >= 32 * 1024, text.startsWith(back.replace(/\ufffd+$/, ""))]).toEqual([true, true])
})

test("64 KiB of a refusal are enough, and one that breaks off is still a refusal", async () => {
  const long = "x".repeat(70_000)
  const a = upstream((socket) => socket.write(`${head(503, { "content-length": "10000000" })}\r\n${long}`))
  const first = world(PASS, send(answers().url))
  expect(await (await first.ask(a.url)).text()).toBe(ROLE + CONTENT)
  const b = upstream((socket) => {
    socket.write(`${head(503, { "content-length": "100" })}\r\nhello`)
    setTimeout(() => socket.terminate(), RESET_MS)
  })
  const second = world(PASS, send(answers().url))
  expect(await (await second.ask(b.url)).text()).toBe(ROLE + CONTENT)
  expect(second.asked[1]?.params).toMatchObject({ status: 503, text: "hello" })
  const { text, error } = await textOf(await world(PASS, PASS).ask(b.url))
  expect([text, error]).toEqual(["hello", expect.objectContaining({ code: "ECONNRESET" })])
})

test("a slow refusal is waited for a second, and what comes later is the host's too", async () => {
  let rest = () => {}
  const a = upstream((socket) => {
    socket.write(`${head(503, { "content-length": "10" })}\r\nhello`)
    rest = () => void socket.write("later")
  })
  const { ask, asked, clock } = world(PASS, PASS)
  const response = ask(a.url)
  await until(() => clock.waiting === 1)
  await clock.pass(999)
  expect(asked.length).toBe(1)
  await clock.pass(1)
  expect([(await response).status, asked[1]?.params.text]).toEqual([503, "hello"])
  rest()
  expect(await (await response).text()).toBe("hellolater")
})

test("nothing is read that the host doesn't take, and a host that cancels ends the upstream", async () => {
  let [pulled, cancelled]: [number, unknown] = [0, undefined]
  const pull = (controller: ReadableStreamDefaultController) => {
    pulled += 1
    controller.enqueue(Buffer.from(CONTENT))
  }
  const cancel = (reason: unknown) => {
    cancelled = reason
  }
  const body = new ReadableStream({ pull, cancel }, { highWaterMark: 0 })
  const response = new Response(body, { headers: { "content-type": "text/event-stream" } })
  const reader = (
    await worldOn(async () => response, PASS).ask("http://x/v1/chat/completions")
  ).body?.getReader()
  for (let taken = 1; taken <= 50; taken += 1) {
    await reader?.read()
    await Bun.sleep(0)
    expect(pulled).toBe(taken)
  }
  await reader?.cancel("enough")
  expect(cancelled).toBe("enough")
})
