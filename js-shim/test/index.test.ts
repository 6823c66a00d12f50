import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import plugin from "../src/index.ts"

const folder = mkdtempSync(join(tmpdir(), "index-"))
const log = join(folder, "wire")
writeFileSync(log, "")
const before = { fetch: globalThis.fetch, env: { ...process.env } }
afterAll(() => {
  globalThis.fetch = before.fetch
  process.env = before.env
})

const open = { directory: "/d" }
const toast = { directory: "/d", message: "m", variant: "info", durationS: 2 }
const script = {
  log,
  on: {
    "workspace/open": {
      say: [{ jsonrpc: "2.0", method: "toast/show", params: toast }],
      result: { responseHeaderPrefixes: ["x-wanted-"] },
    },
    "turn/route": {
      say: [
        {
          jsonrpc: "2.0",
          method: "session/resume",
          params: { ...open, sessionId: "root", messageId: "m", target: { providerId: "q", modelId: "y" } },
        },
      ],
      result: { target: { providerId: "q", modelId: "y" } },
    },
  },
}

/** What the sidecar was sent of this method, without the envelope. */
function sent(method: string): unknown[] {
  const lines = readFileSync(log, "utf8").split("\n").filter(Boolean)
  return lines
    .map((line) => JSON.parse(line))
    .filter((message) => message.method === method)
    .map(({ params }) => params)
}

async function until<T>(look: () => T, holds: (found: T) => boolean): Promise<T> {
  for (let left = 500; left > 0; left -= 1) {
    const found = look()
    if (holds(found)) return found
    await Bun.sleep(10)
  }
  throw new Error(`not within 5 s; it is ${JSON.stringify(look())}`)
}

test("it opens its directory, tells who rests, routes turns, shows toasts, and notes the headers that are wanted there", async () => {
  process.env.XDG_STATE_HOME = folder
  const fake = join(import.meta.dir, "fake-sidecar.ts")
  process.env.QUOTA_SIDECAR_COMMAND = JSON.stringify([process.execPath, fake, JSON.stringify(script)])
  globalThis.fetch = (async () =>
    new Response("", { headers: { "X-Wanted-Left": "3", "Retry-After": "7", other: "no" } })) as never
  const toasts: unknown[] = []
  const prompts: unknown[] = []
  const message = { id: "m", sessionID: "root", agent: "build", model: { providerID: "p", modelID: "x" } }
  const client = {
    _client: { get: async () => ({ data: { version: "1.2.3" } }) },
    config: { providers: () => Promise.reject(new Error("not yet")) },
    session: {
      get: async ({ path: { id } }: { path: { id: string } }) => ({
        data: { id, parentID: id === "child" ? "root" : undefined },
      }),
      messages: async () => ({ data: [{ info: { ...message, role: "user" } }] }),
      status: async () => ({ data: {} }),
      promptAsync: async ({ path, body }: never) => void prompts.push([path, body]),
    },
    tui: { showToast: async ({ body }: never) => void toasts.push(body) },
  }
  const hooks = await plugin({ client, directory: "/d" } as never)
  try {
    expect(
      await until(
        () => sent("workspace/open"),
        ({ length }) => length === 2,
      ),
    ).toEqual([open, { ...open, hostVersion: "1.2.3" }])
    expect(sent("initialize")).toEqual([
      { protocolMajor: 1, shimVersion: expect.any(String), showsToasts: true },
    ])
    const shown = { message: "m", variant: "info", title: undefined, duration: 2000 }
    expect(
      await until(
        () => toasts,
        ({ length }) => length === 2,
      ),
    ).toEqual([shown, shown])

    await hooks.event?.({ event: { type: "session.idle", properties: { sessionID: "child" } } as never })
    expect(
      await until(
        () => sent("session/idle"),
        ({ length }) => length === 1,
      ),
    ).toEqual([{ directory: "/d", sessionId: "child", parentId: "root" }])

    const mark = { type: "text", metadata: { "opencode-quota-sidecar": { command: "quota_status" } } }
    await hooks["chat.message"]?.(
      {} as never,
      { message: { ...message, id: "typed" }, parts: [mark] } as never,
    )
    await hooks["chat.message"]?.({} as never, { message, parts: [] } as never)
    expect([message.model, sent("turn/route").length]).toEqual([{ providerID: "q", modelID: "y" }, 1])
    await until(
      () => prompts,
      ({ length }) => length === 1,
    )
    expect(prompts).toEqual([
      [
        { id: "root" },
        { messageID: "m", model: message.model, agent: "build", variant: undefined, parts: [] },
      ],
    ])

    const output = { headers: {} as Record<string, string> }
    const model = { providerID: "p", id: "x" }
    const input = { sessionID: "s", agent: "build", model, message: { id: "m" } }
    await hooks["chat.headers"]?.(input as never, output)
    await fetch("http://x/v1/chat/completions", { headers: output.headers })
    const finished = await until(
      () => sent("request/finished"),
      ({ length }) => length === 1,
    )
    expect(finished).toMatchObject([{ headers: { "x-wanted-left": "3", "retry-after": "7" } }])
    expect(Object.keys(Object(finished[0]).headers)).toHaveLength(2)
  } finally {
    await hooks.dispose?.()
  }
})

test("an OpenCode that imports the folder itself finds the plugin in it", () => {
  const folder = join(import.meta.dir, "..")
  expect(Bun.resolveSync(folder, "/")).toBe(join(folder, "src", "index.ts"))
})
