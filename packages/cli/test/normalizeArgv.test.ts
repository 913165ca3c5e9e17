import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CliOutput, type HelpDoc } from "effect/cli"
import { booleanOptions, normalizeArgv } from "../src/normalizeArgv.ts"
import { makeShell } from "./fixtures.ts"

describe("normalizeArgv", () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["list", "list"],
    ["list -1", "list --newest=true"],
    ["-1 list", "list --newest=true"],
    ["get -1d", "get --newest=true -d=true"],
    ["get -d1", "get -d=true --newest=true"],
    ["-1d get", "get --newest=true -d=true"],
    ["-n demo list -o json", "list -n=demo -o=json"],
    ["list -ndemo", "list -n=demo"],
    ["list -n=demo", "list -n=demo"],
    ["get -dn demo", "get -d=true -n=demo"],
    ["list --namespace demo", "list --namespace=demo"],
    ["--token=a=b list", "list --token=a=b"],
    ["--token T list", "list --token=T"],
    ["get node-1 core.x", "get -- node-1 core.x"],
    ["get -d node-1 core.x", "get -d=true -- node-1 core.x"],
    ["delete -ay", "delete -a=true -y=true"],
    ["delete --yes 42", "delete --yes=true -- 42"],
    // a program can be named like a value of an option
    ["get -d true", "get -d=true -- true"],
    ["--local list", "list --local=true"],
    ["get -o -", "get -o=-"],
    ["get -o - 42", "get -o=- -- 42"],
    ["get -a -- -1", "get -a=true -- -1"],
    ["get -", "get -- -"],
    ["list --frobnicate", "list --frobnicate"],
    ["list -n", "list -n"],
    ["", ""]
  ]
  for (const [given, expected] of cases) {
    it(`${given} → ${expected}`, () => {
      assert.strictEqual(normalizeArgv(given === "" ? [] : given.split(" ")).join(" "), expected)
    })
  }

  it("keeps empty values, which mean all", () => {
    assert.deepStrictEqual(normalizeArgv(["list", "-n", "", "-p", ""]), ["list", "-n=", "-p="])
  })
})

describe("booleanOptions", () => {
  it.effect("are the options without a value of all commands", () =>
    Effect.gen(function*() {
      const docs: Array<HelpDoc.HelpDoc> = []
      const formatter = {
        ...CliOutput.defaultFormatter(),
        formatHelpDoc: (doc: HelpDoc.HelpDoc) => (docs.push(doc), "")
      }
      const { run } = yield* makeShell([])
      const commands = ["list", "info", "get", "delete", "nodes", "status", "version"]
      for (const command of commands) {
        yield* run(command, "--help").pipe(Effect.provideService(CliOutput.Formatter, formatter))
      }
      assert.strictEqual(docs.length, commands.length)
      for (const { flags, globalFlags = [], inheritedFlags = [] } of docs) {
        for (const { aliases, name, type } of [...flags, ...globalFlags, ...inheritedFlags]) {
          for (const spelling of [name, ...aliases]) {
            assert.strictEqual(booleanOptions.has(spelling.replace(/^-+/, "")), type === "boolean", spelling)
          }
        }
      }
    }))
})
