import { expect, test } from "bun:test"
import { replyTo, wireOf } from "../src/replies.ts"

const CHAT = "http://gw/v1/chat/completions?x=1"
const RESPONSES = "http://gw/v1/responses"
const MESSAGES = "http://gw/v1/messages"
const GEMINI = "http://gw/v1beta/models/m:streamGenerateContent?alt=sse"

const chatBody = '{"model":"m","messages":[],"stream":true}'
const wholeBody = '{"model":"m","messages":[]}'

async function events(response: Response | undefined): Promise<Record<string, unknown>[]> {
  const lines = (await response?.text())?.trimEnd().split("\n\n") ?? []
  return lines.map((line) => JSON.parse(line.replace(/^data: /, "")))
}

test("a wire is recognized by the end of the path and by the body", () => {
  const cases: [string, unknown][] = [
    [CHAT, chatBody],
    [RESPONSES, '{"input":[]}'],
    [MESSAGES, wholeBody],
    [GEMINI, '{"contents":[]}'],
    [CHAT, '{"input":[]}'],
    [CHAT, undefined],
    [CHAT, "messages"],
    ["http://gw/v1/embeddings", '{"input":[]}'],
    ["not a url", chatBody],
  ]
  const wires = ["openai-chat", "openai-responses", "anthropic-messages", ...Array(6).fill("other")]
  expect(cases.map(([url, body]) => wireOf(url, body))).toEqual(wires)
})

test("openai-chat says it in one chunk that has all that any package asks for", async () => {
  const [chunk, ...rest] = await events(replyTo(CHAT, chatBody, "two\nlines", "m"))
  expect(rest).toEqual([])
  expect(chunk).toEqual({
    id: expect.stringMatching(/^chatcmpl_/),
    created: expect.any(Number),
    model: "m",
    object: "chat.completion.chunk",
    choices: [{ index: 0, finish_reason: "stop", delta: { role: "assistant", content: "two\nlines" } }],
    usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  })
})

test("the other formats end with a valid end and cost nothing", async () => {
  const responses = await events(replyTo(RESPONSES, '{"input":[],"stream":true}', "t", "m"))
  const messages = await events(replyTo(MESSAGES, chatBody, "t", "m"))
  const [gemini] = await events(replyTo(GEMINI, '{"contents":[]}', "t", "m"))
  expect(responses.map(({ type }) => type)).toEqual([
    "response.created",
    "response.output_item.added",
    "response.output_text.delta",
    "response.output_item.done",
    "response.completed",
  ])
  expect(messages.at(-2)).toEqual({
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 0 },
  })
  expect(gemini?.candidates).toEqual([
    { index: 0, content: { role: "model", parts: [{ text: "t" }] }, finishReason: "STOP" },
  ])
})

test("without an end, each format leaves the turn open", async () => {
  const open = (url: string, body: string) => events(replyTo(url, body, "t", "m", false))
  const [chat] = await open(CHAT, chatBody)
  const responses = await open(RESPONSES, '{"input":[],"stream":true}')
  const messages = await open(MESSAGES, chatBody)
  const [gemini] = await open(GEMINI, '{"contents":[]}')
  expect(JSON.stringify(chat)).toContain('"finish_reason":"tool_calls"')
  expect(responses.at(-1)?.type).toBe("response.output_item.done")
  expect(JSON.stringify(messages)).toContain('"stop_reason":"tool_use"')
  expect(JSON.stringify(gemini)).not.toContain("finishReason")
})

test("a request that doesn't stream gets one JSON object", async () => {
  const reply = replyTo(MESSAGES, wholeBody, "t", "m")
  expect(reply?.headers.get("content-type")).toStartWith("application/json")
  expect(await reply?.json()).toMatchObject({
    content: [{ type: "text", text: "t" }],
    stop_reason: "end_turn",
  })
  expect(await replyTo(CHAT, wholeBody, "t", "m")?.json()).toMatchObject({
    object: "chat.completion",
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "t" } }],
  })
})

test("what we can't write isn't answered", () => {
  expect(replyTo("http://gw/model/m/converse-stream", '{"messages":[]}', "t", "m")).toBeUndefined()
})
