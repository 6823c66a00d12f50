import { expect, test } from "bun:test"
import { Host, purposeOf } from "../src/host.ts"

/** A directory whose host knows these sessions, and what it was asked. */
function hostWith(sessions: Record<string, { parentID?: string }> = {}, health: unknown = {}) {
  const asked: unknown[] = []
  const client = {
    _client: { get: async () => ({ data: health }) },
    session: {
      get: async ({ path: { id } }: { path: { id: string } }) => {
        asked.push(id)
        return sessions[id] ? { data: { id, ...sessions[id] } } : { error: "no such session" }
      },
    },
    tui: { showToast: async (toast: unknown) => void asked.push(toast) },
  }
  return { host: new Host({ client: client as never, directory: "/d" }), asked }
}

const idle = (sessionID: unknown) => ({ type: "session.idle", properties: { sessionID } })
const told = (id: string, parentID?: string, type = "session.updated") => ({
  type,
  properties: { info: { id, parentID } },
})

test("a session at rest is named with its parent, as events have told it", async () => {
  const { host, asked } = hostWith()
  expect(await host.idle(told("root", undefined, "session.created"))).toBeUndefined()
  expect(await host.idle(told("child", "root"))).toBeUndefined()
  expect(await host.idle(idle("root"))).toEqual({ directory: "/d", sessionId: "root", parentId: undefined })
  expect(await host.idle(idle("child"))).toEqual({ directory: "/d", sessionId: "child", parentId: "root" })
  expect(asked).toEqual([])
})

test("a session from before our time is asked for once; one that the host doesn't know is not named", async () => {
  const { host, asked } = hostWith({ root: {}, child: { parentID: "root" } })
  const parents = []
  for (const id of ["child", "root", "child", "root", "gone", "gone"])
    parents.push((await host.idle(idle(id)))?.parentId ?? id)
  expect(parents).toEqual(["root", "root", "root", "root", "gone", "gone"])
  expect(await host.idle(idle("gone"))).toBeUndefined()
  expect(asked).toEqual(["child", "root", "gone", "gone", "gone"])
})

test("other events say nothing, not even those of a message, which has a parent too", async () => {
  const { host, asked } = hostWith({ root: {} })
  for (const event of [
    told("root", "user", "message.updated"),
    { type: "session.status", properties: { sessionID: "root", status: { type: "idle" } } },
    { type: "session.updated", properties: undefined },
    { type: "session.created", properties: { info: { id: 7 } } },
    { type: "server.connected", properties: null },
  ])
    expect(await host.idle(event)).toBeUndefined()
  expect((await host.idle(idle("root")))?.parentId).toBeUndefined()
  expect(asked).toEqual(["root"])
})

test("however many sessions there are, only the newest are kept in mind", async () => {
  const { host, asked } = hostWith({ "0": {} })
  for (let id = 0; id <= 512; id += 1) await host.idle(told(String(id)))
  await host.idle(idle("1"))
  await host.idle(idle("0"))
  expect(asked).toEqual(["0"])
})

test.each([
  [{ healthy: true, version: "1.18.33" }, "1.18.33"],
  ["<html></html>", undefined],
  [undefined, undefined],
])("its version is what its health says", async (health, hostVersion) => {
  expect(await hostWith({}, health).host.version()).toEqual({ hostVersion })
})

test.each(["title", { name: "title", mode: "primary" }])(
  "a request is for an agent, however the host names it",
  (agent) => {
    const message = { id: "msg_1", role: "user" }
    const input = { sessionID: "ses_1", agent, model: { providerID: "p", id: "m" }, provider: {}, message }
    expect(purposeOf(input as never)).toEqual({
      sessionId: "ses_1",
      messageId: "msg_1",
      agent: "title",
      target: { providerId: "p", modelId: "m" },
    })
  },
)

test("a toast stays as long as it should, or as the host likes", async () => {
  const { host, asked } = hostWith()
  const toast = { directory: "/d", message: "m", variant: "info" as const }
  await host.toast({ ...toast, title: "t", durationS: 7.5 })
  await host.toast(toast)
  expect(asked).toEqual([
    { body: { message: "m", variant: "info", title: "t", duration: 7500 } },
    { body: { message: "m", variant: "info", title: undefined, duration: undefined } },
  ])
})

test("of a provider and its models only what the sidecar may know crosses", async () => {
  const model = {
    id: "m",
    name: "M",
    api: { id: "vendor/m", npm: "@ai-sdk/x", url: "https://secret" },
    capabilities: {
      toolcall: false,
      temperature: true,
      reasoning: false,
      input: { text: true, image: true, audio: false },
    },
    limit: { context: 1000, output: 0 },
    cost: { input: 1, output: 2, cache: { read: 0.1 } },
    headers: { authorization: "secret" },
  }
  const providers = [
    { id: "p", name: "P", source: "env", key: "secret", options: { apiKey: "secret" }, models: { m: model } },
    { id: "q", models: { n: { id: "n", api: { id: "n" } } } },
  ]
  const client = { config: { providers: async () => ({ data: { providers } }) } }
  const facts = await new Host({ client: client as never, directory: "/d" }).catalogue()
  const crossed = {
    ...{ id: "m", name: "M", apiId: "vendor/m", npm: "@ai-sdk/x" },
    ...{ takesTools: false, takesTemperature: true, reasons: false },
    ...{ limits: { context: 1000 }, inputModalities: ["text", "image"] },
    prices: { input: 1, output: 2, cacheRead: 0.1 },
  }
  expect(JSON.parse(JSON.stringify(facts))).toEqual({
    providers: [
      { id: "p", name: "P", source: "env", models: [crossed] },
      { id: "q", models: [{ id: "n", limits: {}, inputModalities: [], prices: {} }] },
    ],
  })
})

test("a project is its directory, and all of the repository that this is a part of", () => {
  const folders = (worktree?: string) =>
    new Host({ client: {} as never, directory: "/d/sub", ...(worktree && { worktree }) }).folders
  expect([folders("/d"), folders("/"), folders()]).toEqual([["/d/sub", "/d"], ["/d/sub"], ["/d/sub"]])
})
