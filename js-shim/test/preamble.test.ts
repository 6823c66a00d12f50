import { expect, test } from "bun:test"
import { isErrorBody, Preamble, type Said } from "../src/preamble.ts"
import type { Wire } from "../src/replies.ts"

const data = (value: unknown, name?: string) =>
  `${name ? `event: ${name}\n` : ""}data: ${JSON.stringify(value)}\n\n`
const named = (value: { type: string }) => data(value, value.type)

/** What each wire may say before its content, and the content. */
const WIRES: [Wire, string, string][] = [
  [
    "openai-chat",
    [
      ": OPENROUTER PROCESSING ☕\n\n",
      data({ choices: [], prompt_filter_results: [{}] }),
      data({
        error: null,
        choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
      }),
      data({
        choices: [{ delta: { role: "assistant", content: null, reasoning_content: "", tool_calls: [] } }],
      }),
    ].join(""),
    data({ choices: [{ delta: { content: "grüß 😀" } }] }),
  ],
  [
    "openai-responses",
    ["response.created", "response.queued", "response.in_progress"]
      .map((type) => named({ type, response: { error: null } } as never))
      .join(""),
    named({ type: "response.output_item.added", item: { type: "message" } } as never),
  ],
  [
    "anthropic-messages",
    `:\n\n${named({ type: "message_start", message: { content: [], model: "größe" } } as never)}event: ping\ndata: {}\n\n${named({ type: "ping" })}`,
    named({ type: "content_block_start", content_block: { type: "text" } } as never),
  ],
]

const ERRORS: string[] = [
  data({ error: { message: "Überlastet 😀", code: 529 } }),
  data({ error: "quota exceeded" }),
  named({ type: "error", error: { type: "overloaded_error" } } as never),
  named({ type: "response.failed", response: { error: { code: "rate_limit_exceeded" } } } as never),
  "event: error\ndata: not even JSON\n\n",
  data({ throttlingException: { message: "slow down" } }),
]

/** What is said of it when it comes in these pieces, up to the first that matters, and after which piece. */
function read(wire: Wire, pieces: Uint8Array[]): { said: Said; at: number } {
  const preamble = new Preamble(wire)
  for (const [at, piece] of pieces.entries()) {
    const said = preamble.push(piece)
    if (said !== "preamble") return { said, at }
  }
  return { said: preamble.push(), at: pieces.length }
}

const halves = (bytes: Uint8Array, at: number) => [bytes.subarray(0, at), bytes.subarray(at)]
const single = (bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte))

test.each(WIRES)(
  "%s: what opens a stream is told from its content, however the bytes are cut",
  (wire, open, content) => {
    for (const newline of ["\n", "\r\n"]) {
      const bytes = Buffer.from((open + content).replaceAll("\n", newline))
      expect(read(wire, single(bytes))).toEqual({ said: "content", at: bytes.length - 1 })
      for (let at = 0; at <= bytes.length; at += 1) {
        const expected = { said: "content", at: at === bytes.length ? 0 : 1 }
        expect(read(wire, halves(bytes, at)) as unknown).toEqual(expected)
      }
    }
  },
)

test.each(WIRES)("%s: an error after what opens it is found, however the bytes are cut", (wire, open) => {
  for (const error of ERRORS) {
    const text = /data: (.*)/.exec(error)?.[1] ?? ""
    const bytes = Buffer.from(open + error)
    const found = { said: { error: text }, at: expect.any(Number) }
    expect(read(wire, single(bytes)) as unknown).toEqual(found)
    for (let at = 0; at <= bytes.length; at += 1)
      expect(read(wire, halves(bytes, at)) as unknown).toEqual(found)
  }
})

test.each(WIRES)("%s: content before an error is content", (wire, open, content) => {
  expect(read(wire, [Buffer.from(open + content + ERRORS[0])])).toEqual({ said: "content", at: 0 })
})

test("what nobody has heard of is content, and so is what only looks like an error", () => {
  for (const said of [
    { type: "response.output_text.delta", delta: '{"error":{}}' },
    { type: "message_delta", error: null },
    { choices: [{ delta: { content: "error" } }] },
    { choices: [{ delta: {}, finish_reason: "stop" }] },
    { choices: [{ delta: { tool_calls: [{ index: 0 }] } }] },
    { choices: [{ delta: { reasoning: "hm" } }] },
    { choices: [{ text: "" }] },
    { id: "1" },
    7,
    null,
  ])
    expect(read("openai-chat", [Buffer.from(data(said))]).said).toBe("content")
  expect(read("openai-chat", [Buffer.from("data: no JSON\n\n")]).said).toBe("content")
})

test("the data of one event may stand in several lines, after a lone CR, without a blank, or bare", () => {
  const error = { error: '{"error":\n{"code":1}}' }
  for (const text of [
    'data: {"error":\ndata: {"code":1}}\n\n',
    'id: 7\rretry: 3\rdata:{"error":\rdata:{"code":1}}\r\r:\n',
    '\ufeffdata: {"error":\ndata: {"code":1}}\n\n',
  ])
    expect(read("other", [Buffer.from(text)]).said).toEqual(error)
  expect(read("openai-chat", [Buffer.from('{"error":{"code":1}}')])).toEqual({
    said: { error: '{"error":{"code":1}}' },
    at: 1,
  })
})

test("an error that ends without its last line is one; a stream that only opens and ends is preamble to its end", () => {
  expect(read("openai-chat", [Buffer.from('data: {"error":"x"}')])).toEqual({
    said: { error: '{"error":"x"}' },
    at: 1,
  })
  for (const [wire, open] of WIRES)
    expect(read(wire, [Buffer.from(open)])).toEqual({ said: "preamble", at: 1 })
  expect(read("openai-chat", [Buffer.from("data: [DONE]\n\n")]).said).toBe("preamble")
  expect(read("openai-chat", []).said).toBe("preamble")
})

test("a whole answer is an error if it says so and has nothing else to say", () => {
  const errors = [{ error: {} }, { error: "x" }, { type: "error" }, { throttlingException: {} }]
  const answers = [
    { error: null, choices: [] },
    { error: {}, choices: [{}] },
    { error: {}, content: [] },
    [],
    "error",
    1,
  ]
  expect(errors.map((value) => isErrorBody(JSON.stringify(value)))).toEqual([true, true, true, true])
  expect(answers.map((value) => isErrorBody(JSON.stringify(value)))).toEqual(answers.map(() => false))
  expect(isErrorBody('{"error":')).toBe(false)
  expect(isErrorBody(JSON.stringify({ error: {}, output: [] }))).toBe(false)
})
