/**
 * The way of a request to a model: the private header that tells it apart, the replaced `globalThis.fetch` that
 * reacts to that header alone, the plan asked before it leaves, and the note about what came back.
 */
import type { Sidecar } from "./child.ts"
import type { Host } from "./host.ts"
import type { BodyShape, RequestFinishedParams, Target } from "./protocol.gen.ts"
import { wireOf } from "./replies.ts"

const HEADER = "x-opencode-quota-sidecar"
const PLAN_MS = 250
const MAX_TAGS = 512

/** What the host said about a request before it made it. */
export type Tag = { host: Host; sessionId: string; messageId: string; agent: string; target: Target }

export type TaggedRequest = {
  tag: Tag
  url: string
  body: unknown
  signal: AbortSignal | undefined
  /** The request as it is, without our header. */
  send(): Promise<Response>
}

type FetchInput = Parameters<typeof fetch>[0]
type FetchInit = Parameters<typeof fetch>[1]

/** By the header's random value. A provider that doesn't use `fetch` never takes its own: only the newest stay. */
export type Tags = Map<string, Tag>

export function headerFor(tags: Tags, tag: Tag): Record<string, string> {
  const id = crypto.randomUUID()
  setBounded(tags, id, tag, MAX_TAGS)
  return { [HEADER]: id }
}

/** Drops the oldest entries beyond `max`. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number) {
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= max) return
    map.delete(oldest)
  }
}

/** For good: another patch may come to sit on it. Without a known tag everything passes through. */
export function replaceFetch(tags: Tags, handle: (request: TaggedRequest) => Promise<Response>) {
  const real = globalThis.fetch
  const replaced = (input: FetchInput, init?: FetchInit): Promise<Response> => {
    const id = tagIdOf(input, init)
    if (id === undefined) return real(input, init)
    const clean = { ...init, headers: withoutTag(init?.headers ?? (input as Request).headers) } as RequestInit
    const send = () => real(input, clean)
    const tag = tags.get(id)
    if (!tag) return send()
    const { url, signal } = input instanceof Request ? input : { url: String(input) }
    return handle({ tag, url, body: init?.body, signal: init?.signal ?? signal, send })
  }
  globalThis.fetch = Object.defineProperties(replaced, Object.getOwnPropertyDescriptors(real)) as typeof fetch
}

/** As OpenCode would have sent it, but for the question before and the note after; the response isn't touched. */
export async function sendAsPlanned(sidecar: Sidecar, request: TaggedRequest): Promise<Response> {
  const { tag, url, body, signal } = request
  const { sessionId, messageId, agent, target } = tag
  const about = { requestId: crypto.randomUUID(), directory: tag.host.directory, sessionId, target }
  if (sidecar.state === "healthy" && !signal?.aborted) {
    const params = { ...about, messageId, agent, wire: wireOf(url, body), body: shapeOf(body) }
    await sidecar.ask("request/plan", params, PLAN_MS, signal)
  }
  signal?.throwIfAborted()
  const leftAt = performance.now()
  const finish = (rest: Pick<RequestFinishedParams, "status" | "aborted" | "headers">) =>
    sidecar.tell("request/finished", {
      ...about,
      origin: originOf(url),
      ttfbS: (performance.now() - leftAt) / 1000,
      ...rest,
    })
  try {
    const response = await request.send()
    const prefixes = [...sidecar.headerPrefixes, ...tag.host.headerPrefixes]
    finish({ status: response.status, headers: pick(response.headers, prefixes) })
    return response
  } catch (error) {
    finish({ headers: {}, aborted: signal?.aborted || undefined })
    throw error
  }
}

/** Without parsing: an unescaped `"tools":[` can't stand inside a JSON string. */
export function shapeOf(body: unknown): BodyShape {
  const text = typeof body === "string" ? body : ""
  const hasImages = /"type":"(?:image|image_url|input_image)"/.test(text)
  const hasTools = text.includes('"tools":[') && !text.includes('"tools":[]')
  return { sizeBytes: Buffer.byteLength(text), hasImages, hasTools, stream: text.includes('"stream":true') }
}

/** All of a URL that crosses. */
function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined
}

function pick(headers: Headers, prefixes: string[]): Record<string, string> {
  return Object.fromEntries(
    [...headers].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))),
  )
}

function tagIdOf(input: FetchInput, init: FetchInit): string | undefined {
  const headers = init?.headers ?? (input instanceof Request ? input.headers : {})
  if (headers instanceof Headers) return headers.get(HEADER) ?? undefined
  return entriesOf(headers).find(([name]) => isTag(name))?.[1]
}

/** A copy in the same form, as the caller's own object stays as it is; but a signature may cover every header. */
function withoutTag(headers: HeadersInit): HeadersInit {
  if (new Headers(headers).get("authorization")?.includes(HEADER)) return headers
  if (headers instanceof Headers) {
    const copy = new Headers(headers)
    copy.delete(HEADER)
    return copy
  }
  const kept = entriesOf(headers).filter(([name]) => !isTag(name))
  return Array.isArray(headers) ? kept : Object.fromEntries(kept)
}

function entriesOf(headers: Exclude<HeadersInit, Headers>): [string, string][] {
  return (Array.isArray(headers) ? headers : Object.entries(headers)) as [string, string][]
}

function isTag(name: string): boolean {
  return name.toLowerCase() === HEADER
}
