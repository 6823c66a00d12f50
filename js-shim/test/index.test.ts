import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import plugin from "../src/index.ts"
import { systemClock } from "../src/rpc.ts"

const folder = mkdtempSync(join(tmpdir(), "index-"))
const log = join(folder, "wire")
writeFileSync(log, "")
const before = { fetch: globalThis.fetch, env: { ...process.env } }
beforeAll(() => {
  const fake = join(import.meta.dir, "fake-sidecar.ts")
  process.env.XDG_STATE_HOME = folder
  process.env.QUOTA_SIDECAR_COMMAND = JSON.stringify([process.execPath, fake, JSON.stringify(script)])
})
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

/** The messages of a file of them. */
function messages(path: string): { method: string; params: Record<string, unknown>; event: string }[] {
  const lines = readFileSync(path, "utf8").split("\n").filter(Boolean)
  return lines.map((line) => JSON.parse(line))
}

/** What the sidecar was sent of this method, without the envelope. */
function sent(method: string): unknown[] {
  return messages(log)
    .filter((message) => message.method === method)
    .map(({ params }) => params)
}

/** What it was sent about this directory, as the names of the methods. */
function sentAbout(directory: string): string[] {
  return messages(log).flatMap(({ method, params }) => (params.directory === directory ? [method] : []))
}

/** How often it was started. */
function starts(): number {
  const logs = join(folder, "opencode-quota-sidecar", "logs")
  const notes = readdirSync(logs).flatMap((name) => messages(join(logs, name)))
  return notes.filter(({ event }) => event === "sidecar_spawned").length
}

/** A host that says its models once `told` has come true. */
const hostThat = (told: Promise<unknown>) => ({
  _client: { get: () => Promise.reject(new Error("no version")) },
  config: { providers: () => told.then(() => ({ data: { providers: [] } })) },
  session: { get: async ({ path: { id } }: { path: { id: string } }) => ({ data: { id } }) },
  tui: { showToast: async () => {} },
})

const rest = (sessionID: string) => ({ event: { type: "session.idle", properties: { sessionID } } as never })

async function until<T>(look: () => T, holds: (found: T) => boolean): Promise<T> {
  for (let left = 500; left > 0; left -= 1) {
    const found = look()
    if (holds(found)) return found
    await Bun.sleep(10)
  }
  throw new Error(`not within 5 s; it is ${JSON.stringify(look())}`)
}

test("it opens its directory, tells who rests, routes turns, shows toasts, and notes the headers that are wanted there", async () => {
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

test("a folder that is closed at once starts nothing", async () => {
  const before = starts()
  const hooks = await plugin({ client: hostThat(Promise.resolve()), directory: "/brief" } as never)
  await hooks.dispose?.()
  await new Promise<void>((resolve) => systemClock.after(0, resolve))
  expect(starts() - before).toBe(0)
})

test("a folder that is closed before its models are known is not opened again, and one that rests as it opens is heard", async () => {
  const before = starts()
  const { promise: told, resolve: tell } = Promise.withResolvers<void>()
  const stays = await plugin({ client: hostThat(told), directory: "/stays" } as never)
  await until(starts, (now) => now > before)
  await stays.event?.(rest("early"))
  const goes = await plugin({ client: hostThat(told), directory: "/goes" } as never)
  try {
    await until(
      () => sentAbout("/goes"),
      ({ length }) => length === 1,
    )
    await goes.dispose?.()
    tell()
    await until(
      () => sentAbout("/stays"),
      ({ length }) => length === 3,
    )
    await stays.event?.(rest("late"))
    await until(
      () => sentAbout("/stays"),
      ({ length }) => length === 4,
    )
    expect(sentAbout("/stays")).toEqual([
      ...["workspace/open", "session/idle", "workspace/open", "session/idle"],
    ])
    expect(sentAbout("/goes")).toEqual(["workspace/open", "workspace/close"])
  } finally {
    await stays.dispose?.()
  }
})

test("an OpenCode that imports the folder itself finds the plugin in it", () => {
  const folder = join(import.meta.dir, "..")
  expect(Bun.resolveSync(folder, "/")).toBe(join(folder, "src", "index.ts"))
})
