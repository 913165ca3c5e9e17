import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import { CliError } from "effect/cli"
import { HttpServerError } from "effect/http"
import { exitCodeOf } from "../src/exit.ts"
import { SettingsError } from "../src/index.ts"

const bad = new SettingsError({ message: "No." })
const inUse = new HttpServerError.ServeError({ cause: new Error("EADDRINUSE") })

describe("exitCodeOf", () => {
  it.each<readonly [string, Exit.Exit<unknown, unknown>, number]>([
    ["an end", Exit.void, 0],
    ["a signal", Exit.interrupt(1), 0],
    ["bad settings", Exit.fail(bad), 2],
    ["bad arguments", Exit.fail(new CliError.MissingArgument({ argument: "x" })), 2],
    ["no address", Exit.fail(inUse), 1],
    ["a defect", Exit.die(new Error("no")), 1],
    // What fails interrupts what runs beside it.
    ["a failure beside others", Exit.failCause(Cause.combine(Cause.fail(inUse), Cause.interrupt(1))), 1],
    ["bad settings beside others", Exit.failCause(Cause.combine(Cause.interrupt(1), Cause.fail(bad))), 2]
  ])("%s", (_name, exit, code) => {
    assert.strictEqual(exitCodeOf(exit), code)
  })
})
