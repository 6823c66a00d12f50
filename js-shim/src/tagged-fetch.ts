/**
 * How a request to a model is told apart: the private header that says what it is for, and the replaced
 * `globalThis.fetch` that reacts to that header alone.
 */
import type { Host } from "./host.ts"
import { setBounded } from "./plain.ts"
import type { Target } from "./protocol.gen.ts"

const HEADER = "x-opencode-quota-sidecar"
const MAX_TAGS = 512

/** What the host said about a request before it made it. */
export type Tag = { host: Host; sessionId: string; messageId: string; agent: string; target: Target }

export type TaggedRequest = {
  tag: Tag
  url: string
  method: string
  /** Without ours. */
  headers(): Headers
  body: unknown
  signal: AbortSignal | undefined
  /** The request as it is, without our header; with another signal than the host's, if there is one. */
  send(signal?: AbortSignal): Promise<Response>
  /** Another request, by the same way. */
  sendTo(url: string, init: RequestInit): Promise<Response>
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

/** For good: another patch may come to sit on it. Without a known tag everything passes through. */
export function replaceFetch(tags: Tags, handle: (request: TaggedRequest) => Promise<Response>) {
  const real = globalThis.fetch
  const replaced = (input: FetchInput, init?: FetchInit): Promise<Response> => {
    const id = tagIdOf(input, init)
    if (id === undefined) return real(input, init)
    const clean = { ...init, headers: withoutTag(init?.headers ?? (input as Request).headers) } as RequestInit
    const send = (signal?: AbortSignal) => real(input, signal ? { ...clean, signal } : clean)
    const tag = tags.get(id)
    if (!tag) return send()
    const { url, method, signal } = input instanceof Request ? input : { url: String(input), method: "GET" }
    return handle({
      tag,
      url,
      method: init?.method ?? method,
      headers: () => new Headers(clean.headers),
      body: init?.body,
      signal: init?.signal ?? signal,
      send,
      sendTo: (url, init) => real(url, init),
    })
  }
  globalThis.fetch = Object.defineProperties(replaced, Object.getOwnPropertyDescriptors(real)) as typeof fetch
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
