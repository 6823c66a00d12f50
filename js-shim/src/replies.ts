/**
 * How text is said in a model's place: each format recognized by the request itself, answered in its own shape,
 * at no cost. One row per format; no word of ours in it.
 */
import type { RequestPlanParams } from "./protocol.gen.ts"

export type Wire = RequestPlanParams["wire"]
type Spoken = { whole: object; events: object[] }
type Format = {
  wire: Wire
  path: RegExp
  field: string
  say(text: string, model: string, hasEnd: boolean): Spoken
}

/** The fourth is none of the wires that we route, but its users have commands too. */
const FORMATS: Format[] = [
  { wire: "openai-chat", path: /\/chat\/completions$/, field: '"messages":', say: openaiChat },
  { wire: "openai-responses", path: /\/responses$/, field: '"input":', say: openaiResponses },
  { wire: "anthropic-messages", path: /\/messages$/, field: '"messages":', say: anthropicMessages },
  { wire: "other", path: /:(?:streamG|g)enerateContent$/, field: '"contents":', say: gemini },
]

/** By the end of the URL's path, and a look at the body: what a package calls itself doesn't matter. */
function formatOf(url: string, body: unknown): Format | undefined {
  if (typeof body !== "string" || !body.startsWith("{") || !URL.canParse(url)) return undefined
  const path = new URL(url).pathname
  return FORMATS.find((format) => format.path.test(path) && body.includes(format.field))
}

export function wireOf(url: string, body: unknown): Wire {
  return formatOf(url, body)?.wire ?? "other"
}

/**
 * The model's answer as the request expects it, streamed or whole; nothing for a format that we can't write. Without
 * an `end`, the host asks again at once for what comes next.
 */
export function replyTo(
  url: string,
  body: unknown,
  text: string,
  model: string,
  hasEnd = true,
): Response | undefined {
  const spoken = formatOf(url, body)?.say(text, model, hasEnd)
  if (!spoken) return undefined
  const isStream = String(body).includes('"stream":true') || url.includes(":streamGenerateContent")
  if (!isStream) return Response.json(spoken.whole)
  const lines = spoken.events.map((event) => `data: ${JSON.stringify(event)}\n\n`)
  return new Response(lines.join(""), { headers: { "content-type": "text/event-stream" } })
}

function openaiChat(text: string, model: string, hasEnd: boolean): Spoken {
  const head = { id: newId("chatcmpl"), created: now(), model }
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
  const said = { role: "assistant", content: text }
  const end = { index: 0, finish_reason: hasEnd ? "stop" : "tool_calls" }
  return {
    whole: { ...head, object: "chat.completion", choices: [{ ...end, message: said }], usage },
    events: [{ ...head, object: "chat.completion.chunk", choices: [{ ...end, delta: said }], usage }],
  }
}

function openaiResponses(text: string, model: string, hasEnd: boolean): Spoken {
  const content = [{ type: "output_text", text, annotations: [] }]
  const item = { type: "message", id: newId("msg"), role: "assistant", status: "completed", content }
  const usage = { input_tokens: 0, output_tokens: 0, total_tokens: 0 }
  const head = { id: newId("resp"), object: "response", created_at: now(), model, output: [] }
  const whole = { ...head, status: "completed", output: [item], usage }
  const events = [
    { type: "response.created", response: { ...head, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item: { ...item, content: [] } },
    { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: item.id, delta: text },
    { type: "response.output_item.done", output_index: 0, item },
    ...(hasEnd ? [{ type: "response.completed", response: whole }] : []),
  ]
  return { whole, events: events.map((event, sequence_number) => ({ ...event, sequence_number })) }
}

function anthropicMessages(text: string, model: string, hasEnd: boolean): Spoken {
  const head = { id: newId("msg"), type: "message", role: "assistant", model, stop_sequence: null }
  const usage = { input_tokens: 0, output_tokens: 0 }
  const stop_reason = hasEnd ? "end_turn" : "tool_use"
  return {
    whole: { ...head, content: [{ type: "text", text }], stop_reason, usage },
    events: [
      { type: "message_start", message: { ...head, content: [], stop_reason: null, usage } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 0 } },
      { type: "message_stop" },
    ],
  }
}

function gemini(text: string, _: string, hasEnd: boolean): Spoken {
  const candidate = {
    index: 0,
    content: { role: "model", parts: [{ text }] },
    ...(hasEnd ? { finishReason: "STOP" } : {}),
  }
  const usageMetadata = { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 }
  const whole = { candidates: [candidate], usageMetadata }
  return { whole, events: [whole] }
}

function newId(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "")}`
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
