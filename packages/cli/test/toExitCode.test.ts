import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import { CliError } from "effect/cli"
import { partial, usage } from "../src/text/CommandError.ts"
import { toExitCode } from "../src/toExitCode.ts"

describe("toExitCode", () => {
  const cases: ReadonlyArray<readonly [string, Exit.Exit<unknown, unknown>, number]> = [
    ["success", Exit.void, 0],
    ["an error of a command", Exit.fail(partial), 3],
    ["invalid usage", Exit.fail(usage("no")), 2],
    ["an error of the parser", Exit.fail(new CliError.ShowHelp({ commandPath: [], errors: [] })), 2],
    ["another error", Exit.fail("?"), 1],
    ["a defect", Exit.die(new Error("?")), 1],
    ["Ctrl-C", Exit.failCause(Cause.interrupt()), 130]
  ]
  for (const [name, exit, code] of cases) {
    it(`returns ${code} for ${name}`, () => {
      assert.strictEqual(toExitCode(exit), code)
    })
  }
})
