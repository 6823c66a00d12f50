import { expect, test } from "bun:test"
import builtIn from "../src/host.gen.json"
import type { HostFacts } from "../src/host-file.ts"
import type { HostModel } from "../src/protocol.gen.ts"
import { Router } from "../src/router.ts"
import { OTHER, OWN } from "./bed.ts"

const BARE: HostModel = { name: "Bare", npm: "@ai-sdk/openai", providerId: "own", modelId: "m" }
const FULL: HostModel = {
  ...{ name: "Full (limit-router)", npm: "@ai-sdk/anthropic", providerId: "other", modelId: "n" },
  ...{ context: 1000, output: 100, inputModalities: ["text", "image"] },
  ...{ takesTools: false, takesTemperature: true, reasons: true },
}
const bare = {
  ...{ name: "Bare", provider: { npm: "@ai-sdk/openai" }, limit: { context: 0, output: 0 } },
  ...{ modalities: { input: ["text"], output: ["text"] }, attachment: false },
  ...{ tool_call: true, temperature: false, reasoning: false },
}
const full = {
  ...{ name: "Full (limit-router)", provider: { npm: "@ai-sdk/anthropic" } },
  ...{ limit: { context: 1000, output: 100 }, modalities: { input: ["text", "image"], output: ["text"] } },
  ...{ attachment: true, tool_call: false, temperature: true, reasoning: true },
}
const offered = {
  ...{ npm: "@ai-sdk/openai-compatible", name: "Limit router" },
  options: { baseURL: "https://limit-router.invalid/v1", apiKey: "none" },
}
const virtual = (modelId: string) => ({ providerId: "limit-router", modelId })

function routerOf(models: Record<string, HostModel> = {}, trouble: object = { kind: "noAnswer" }) {
  const say = (...said: unknown[]) => JSON.stringify(said)
  return new Router({ trouble } as never, { content: { ...builtIn, models }, say } as unknown as HostFacts)
}

function offer(models: Record<string, HostModel>, config: object = {}): object {
  const offered = structuredClone(config)
  routerOf(models).offer(offered)
  return offered
}

test("the host gets a provider with the models that are known", () => {
  const mine = { models: { x: { name: "X" } } }
  expect(offer({ bare: BARE, full: FULL }, { provider: { mine }, model: "mine/x" })).toEqual({
    model: "mine/x",
    provider: { mine, "limit-router": { ...offered, models: { bare, full } } },
  })
  expect(offer({ bare: BARE })).toEqual({ provider: { "limit-router": { ...offered, models: { bare } } } })
})

test.each([{}, { provider: {} }, { provider: { "limit-router": { name: "Mine" } } }])(
  "without a model there is no provider of ours: %j stays",
  (config) => {
    expect(offer({}, config)).toEqual(config)
  },
)

test("what the user wrote there comes before ours, but for who stands behind a model", () => {
  const written = {
    ...{ name: "Mine", options: { timeout: 5, apiKey: "mine" } },
    models: {
      full: { name: "My full", providers: ["own", "other"], limit: { context: 7, output: 7 } },
      new: { name: "New", providers: ["own"] },
    },
  }
  const models = {
    ...{ bare, full: { ...full, name: "My full", limit: { context: 7, output: 7 } } },
    new: { name: "New" },
  }
  expect(offer({ bare: BARE, full: FULL }, { provider: { "limit-router": written } })).toEqual({
    provider: {
      "limit-router": {
        ...{ ...offered, name: "Mine", models },
        options: { ...offered.options, timeout: 5, apiKey: "mine" },
      },
    },
  })
})

test("a turn that nobody routes goes to the model's default, and its session is still on the model", () => {
  const router = routerOf({ bare: BARE })
  expect(router.chosenIn("s", virtual("bare"))).toEqual(virtual("bare"))
  expect(router.standIn("s", virtual("bare"))).toEqual(OWN)
  expect(router.chosenIn("t", OWN)).toEqual(OWN)
  expect(router.chosenIn("s", OWN)).toEqual(virtual("bare"))
  expect(router.chosenIn("s", OWN)).toEqual(OWN)
})

test.each([OTHER, { ...OWN, modelId: "another" }, { ...OWN, providerId: "another" }])(
  "whoever picks anything else, like %j, has left the model",
  (picked) => {
    const router = routerOf({ bare: BARE })
    router.standIn("s", virtual("bare"))
    expect(router.chosenIn("s", picked)).toEqual(picked)
    expect(router.chosenIn("s", OWN)).toEqual(OWN)
  },
)

test("a model without a known default stays where it is", () => {
  expect(routerOf().standIn("s", virtual("bare"))).toEqual(virtual("bare"))
})

test("what can't be sent is answered with an error that the host takes for one that passes", async () => {
  const dead = { kind: "exited", detail: "9" }
  const response = routerOf({}, dead).refusal()
  const message = JSON.stringify(["notRouted", dead])
  expect([response.status, await response.json()]).toEqual([
    503,
    { type: "error", error: { type: "overloaded_error", message } },
  ])
})
