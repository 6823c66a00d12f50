/**
 * A plan, as far as it makes sense, and the request that a `send` plan asks for: the same prompt, in a body that the
 * other target understands, with that target's own credentials and none of the host's.
 */
import { attempt, isTexts } from "./plain.ts"
import type { Edit, RequestPlanResult, Target } from "./protocol.gen.ts"

export type Plan = RequestPlanResult["plan"]
type Loose = Record<string, unknown>
type Send = Extract<Plan, { kind: "send" }>
type Reply = Extract<Plan, { kind: "reply" }>

const MAX_AGAIN_S = 60
/** Headers of the host's own that describe the body, and no account. */
const OF_THE_BODY = ["content-type", "accept", "user-agent", "anthropic-version"]

/** `undefined` for one that we can't carry out. */
export function readPlan(value: unknown): Plan | undefined {
  const plan = Object(value)
  const isSound = Object.hasOwn(SOUND, plan.kind) && SOUND[plan.kind as Plan["kind"]](plan)
  return isSound && isSeconds(plan.headersTimeoutS ?? 0) ? plan : undefined
}

const SOUND: Record<Plan["kind"], (plan: Loose) => boolean> = {
  pass: () => true,
  again: ({ afterS }) => isSeconds(afterS) && afterS <= MAX_AGAIN_S,
  reply: ({ status, headers, body }) =>
    typeof body === "string" &&
    areHeaders(headers) &&
    !!attempt(() => new Response(body, { status, headers } as Reply)),
  send: ({ target, url, headers, edits = [] }) =>
    isTarget(target) &&
    typeof url === "string" &&
    /^https?:$/.test(URL.parse(url)?.protocol ?? "") &&
    areHeaders(headers) &&
    Array.isArray(edits) &&
    edits.every(isEdit),
}

/**
 * The whole `init` of the request, made anew: whatever else the host put into its own is for its own target. Nothing
 * for a body that can't be edited.
 */
export function requestOf(
  { headers, edits = [] }: Send,
  method: string,
  own: Headers,
  body: string,
): RequestInit | undefined {
  const edited = edits.length > 0 ? editBody(body, edits) : body
  if (edited === undefined) return undefined
  const kept = new Headers()
  for (const name of OF_THE_BODY) if (own.has(name)) kept.set(name, own.get(name) ?? "")
  const betas = (own.get("anthropic-beta") ?? "").split(",").map((beta) => beta.trim())
  const others = betas.filter((beta) => beta && !beta.startsWith("oauth-"))
  if (others.length > 0) kept.set("anthropic-beta", others.join(","))
  for (const [name, value] of Object.entries(headers)) kept.set(name, value)
  // A redirect could take the key elsewhere; `timeout` is the runtime's own limit, which the host lifts as well.
  return { method, headers: kept, body: edited, redirect: "error", timeout: false } as RequestInit
}

export function editBody(body: string, edits: Edit[]): string | undefined {
  return attempt(() => {
    const root = JSON.parse(body)
    for (const edit of edits) change(root, edit.path, edit)
    return JSON.stringify(root)
  })
}

function change(parent: unknown, [key = "", ...rest]: string[], edit: Edit) {
  if (typeof parent !== "object" || parent === null) return
  const node = parent as Loose
  // From the last, as a list closes up behind what is removed.
  const keys = key !== "*" ? [key] : Array.isArray(parent) ? Object.keys(parent).reverse() : []
  for (const at of keys) {
    if (rest.length === 0) put(node, at, edit)
    else {
      if (Object.hasOwn(edit, "set") && !Object.hasOwn(node, at) && !Array.isArray(node)) node[at] = {}
      if (Object.hasOwn(node, at)) change(node[at], rest, edit)
    }
  }
}

function put(parent: Loose, key: string, edit: Edit) {
  const has = Object.hasOwn(parent, key)
  const value = has ? parent[key] : undefined
  const { where, atMost } = edit
  if (where && !Object.entries(where).every(([name, wanted]) => has && Object(value)[name] === wanted)) return
  const sets = Object.hasOwn(edit, "set")
  if (!has && (!sets || Array.isArray(parent))) return
  if (sets) parent[key] = edit.set
  else if (atMost !== undefined) {
    if (typeof value === "number" && value > atMost) parent[key] = atMost
  } else if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
}

function isEdit(value: unknown): boolean {
  const { path, where, atMost } = Object(value)
  const isPath = isTexts(path) && path.length > 0
  return isPath && (where ?? {}) instanceof Object && typeof (atMost ?? 0) === "number"
}

export function isTarget(value: unknown): value is Target {
  const { providerId, modelId } = Object(value)
  return typeof providerId === "string" && typeof modelId === "string"
}

function areHeaders(value: unknown): boolean {
  return (
    value instanceof Object &&
    isTexts(Object.values(value)) &&
    !!attempt(() => new Headers(value as Record<string, string>))
  )
}

function isSeconds(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0
}
