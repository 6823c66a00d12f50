import { expect, test } from "bun:test"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import builtIn from "../src/host.gen.json"
import { HostFacts } from "../src/host-file.ts"

const directory = mkdtempSync(join(tmpdir(), "host-file-"))
const MODEL = { name: "M", npm: "@ai-sdk/openai", providerId: "p", modelId: "m" }

/** What is believed of a file with this content. */
function written(value: unknown) {
  writeFileSync(join(directory, "host.json"), typeof value === "string" ? value : JSON.stringify(value))
  const facts = new HostFacts(directory)
  facts.read()
  return facts.content
}

test("host.json is believed if it is whole, and the built-in copy stands in for garbage", () => {
  const nowhere = new HostFacts(join(directory, "nowhere"))
  expect(nowhere.content).toEqual(builtIn)
  nowhere.read()
  expect(nowhere.content).toEqual(builtIn)
  const own = { ...builtIn, commands: { quota_x: { description: "d" } }, unheardOf: 1 }
  expect(written(own) as unknown).toEqual(own)
  const { failed, ...fewer } = builtIn.texts.problems
  const bad = [
    "",
    "{",
    "null",
    "[]",
    '{"commands":null,"texts":{}}',
    { ...builtIn, commands: { ok: null } },
    { ...builtIn, commands: { ok: { description: 7 } } },
    { ...builtIn, texts: { ...builtIn.texts, problems: fewer } },
    { ...builtIn, padding: "x".repeat(1_100_000) },
  ]
  for (const value of bad) expect(written(value)).toEqual(builtIn)
})

test("the models of another version's file are offered though the built-in copy stands in for its words", () => {
  const { notUpdated, ...older } = builtIn.texts
  const models = { m: MODEL, word: "x" }
  const commands = { quota_old: { description: "d" } }
  expect(written({ ...builtIn, commands, texts: older, models })).toEqual({
    ...builtIn,
    models: { m: MODEL },
  })
  expect(written({ models })).toEqual({ ...builtIn, models: { m: MODEL } })
})

test("a model that makes no sense is left out, and costs the others nothing", () => {
  const whole = { ...MODEL, context: 1000, output: 10, inputModalities: ["text"], reasons: true }
  const { npm, ...without } = MODEL
  const models = {
    ...{ whole, least: MODEL, without, nothing: null, word: "x" },
    limits: { ...MODEL, context: "many" },
    kinds: { ...MODEL, inputModalities: "text" },
  }
  expect(written({ ...builtIn, models }).models).toEqual({ whole, least: MODEL })
  for (const none of [null, 7, [], undefined])
    expect(written({ ...builtIn, models: none }).models).toEqual({})
})

test("what was read stays until it is read again", () => {
  writeFileSync(join(directory, "host.json"), JSON.stringify({ ...builtIn, models: { m: MODEL } }))
  const facts = new HostFacts(directory)
  expect(facts.content.models).toEqual({})
  facts.read()
  writeFileSync(join(directory, "host.json"), "")
  expect(facts.content.models).toEqual({ m: MODEL })
})
