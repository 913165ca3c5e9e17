import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { CliError } from "effect/cli"
import { HttpServerError } from "effect/http"
import { TestConsole } from "effect/testing"
import { exitCodeOf, sayWhy } from "../src/exit.ts"
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

describe("sayWhy", () => {
  it.effect.each<readonly [string, Effect.Effect<never, unknown>, ReadonlyArray<RegExp>]>([
    ["bad settings", Effect.fail(bad), [/^koredump-server: No\.$/]],
    ["no address", Effect.fail(inUse), [/^koredump-server: it cannot listen: EADDRINUSE$/]],
    ["bad arguments, which have been said", Effect.fail(new CliError.MissingArgument({ argument: "x" })), []],
    ["a signal", Effect.interrupt, []],
    ["a defect, with where it came from", Effect.die(new Error("no")), [
      /^koredump-server: unexpected: Error: no\n.*at /
    ]]
  ])("%s", ([_name, effect, said]) =>
    Effect.gen(function*() {
      yield* Effect.exit(sayWhy(effect))
      const lines = yield* TestConsole.errorLines
      assert.strictEqual(lines.length, said.length)
      said.forEach((pattern, i) => assert.match(String(lines[i]), pattern))
    }))
})
