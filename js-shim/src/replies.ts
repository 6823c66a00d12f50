/**
 * The three wires: how a request is recognized by itself, and how text is said in its own format, so that the
 * host takes it for a model's answer. One row per wire; no word of ours in it.
 */
import type { RequestPlanParams } from "./protocol.gen.ts"

export type Wire = RequestPlanParams["wire"]
type Speakable = Exclude<Wire, "other">
type Reply = { whole: object; events: object[] }

const WIRES: Record<Speakable, { path: string; field: string; say(text: string, model: string): Reply }> = {
  "openai-chat": { path: "/chat/completions", field: '"messages":', say: openaiChat },
  "openai-responses": { path: "/responses", field: '"input":', say: openaiResponses },
  "anthropic-messages": { path: "/messages", field: '"messages":', say: anthropicMessages },
}

/** By the end of the URL's path, and a look at the body: what a package calls itself doesn't matter. */
export function wireOf(url: string, body: unknown): Wire {
  if (typeof body !== "string" || !body.startsWith("{") || !URL.canParse(url)) return "other"
  const path = new URL(url).pathname
  for (const wire of Object.keys(WIRES) as Speakable[])
    if (path.endsWith(WIRES[wire].path) && body.includes(WIRES[wire].field)) return wire
  return "other"
}

/** An answer that cost nothing, streamed if the request asked for a stream. */
export function replyWith(text: string, wire: Speakable, model: string, stream: boolean): Response {
  const { whole, events } = WIRES[wire].say(text, model)
  if (!stream) return Response.json(whole)
  const lines = events.map((event) => `data: ${JSON.stringify(event)}\n\n`)
  return new Response(lines.join(""), { headers: { "content-type": "text/event-stream" } })
}

function openaiChat(text: string, model: string): Reply {
  const head = { id: newId("chatcmpl"), created: now(), model }
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
  const said = { role: "assistant", content: text }
  const end = { index: 0, finish_reason: "stop" }
  return {
    whole: { ...head, object: "chat.completion", choices: [{ ...end, message: said }], usage },
    events: [{ ...head, object: "chat.completion.chunk", choices: [{ ...end, delta: said }], usage }],
  }
}

function openaiResponses(text: string, model: string): Reply {
  const itemId = newId("msg")
  const content = [{ type: "output_text", text, annotations: [] }]
  const item = { type: "message", id: itemId, role: "assistant", status: "completed", content }
  const usage = { input_tokens: 0, output_tokens: 0, total_tokens: 0 }
  const response = { id: newId("resp"), object: "response", created_at: now(), model, status: "completed" }
  const place = { output_index: 0, content_index: 0, item_id: itemId }
  const events = [
    { type: "response.created", response: { ...response, status: "in_progress", output: [] } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", content: [] },
    },
    { type: "response.output_text.delta", ...place, delta: text },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { ...response, output: [item], usage } },
  ]
  return { whole: { ...response, output: [item], usage }, events: numbered(events) }
}

function anthropicMessages(text: string, model: string): Reply {
  const head = { id: newId("msg"), type: "message", role: "assistant", model, stop_sequence: null }
  const usage = { input_tokens: 0, output_tokens: 0 }
  return {
    whole: { ...head, content: [{ type: "text", text }], stop_reason: "end_turn", usage },
    events: [
      { type: "message_start", message: { ...head, content: [], stop_reason: null, usage } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: { output_tokens: 0 },
      },
      { type: "message_stop" },
    ],
  }
}

function numbered(events: object[]): object[] {
  return events.map((event, sequence_number) => ({ ...event, sequence_number }))
}

function newId(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "")}`
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}
