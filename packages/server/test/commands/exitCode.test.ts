import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { CliError } from "effect/cli"
import { HttpServerError } from "effect/http"
import { TestConsole } from "effect/testing"
import { reportFailure, toExitCode } from "../../src/commands/exitCode.ts"
import { SettingsError } from "../../src/index.ts"

const bad = new SettingsError({ message: "No." })
const inUse = new HttpServerError.ServeError({
  cause: Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE", address: "127.0.0.1", port: 5000 })
})
const socketDenied = new HttpServerError.ServeError({
  cause: Object.assign(new Error("listen EACCES"), { code: "EACCES", address: "/koredump.sock", port: -1 })
})
const noDirectory = new HttpServerError.ServeError({
  cause: Object.assign(new Error("listen EACCES"), { code: "EACCES", address: "/nowhere/koredump.sock", port: -1 })
})

describe("toExitCode", () => {
  it.each<readonly [string, Exit.Exit<unknown, unknown>, number]>([
    ["success", Exit.void, 0],
    ["a signal", Exit.interrupt(1), 0],
    ["invalid settings", Exit.fail(bad), 2],
    ["invalid arguments", Exit.fail(new CliError.MissingArgument({ argument: "x" })), 2],
    ["address in use", Exit.fail(inUse), 1],
    ["a defect", Exit.die(new Error("no")), 1],
    // A failure interrupts what runs concurrently.
    ["a failure with interruptions", Exit.failCause(Cause.combine(Cause.fail(inUse), Cause.interrupt(1))), 1],
    ["invalid settings with interruptions", Exit.failCause(Cause.combine(Cause.interrupt(1), Cause.fail(bad))), 2]
  ])("%s", (_name, exit, code) => {
    assert.strictEqual(toExitCode(exit), code)
  })
})

describe("reportFailure", () => {
  it.effect.each<readonly [string, Effect.Effect<never, unknown>, ReadonlyArray<RegExp>]>([
    ["invalid settings", Effect.fail(bad), [/^koredump-server: No\.$/]],
    ["address in use", Effect.fail(inUse), [
      /^koredump-server: cannot listen on 127\.0\.0\.1:5000: address already in use\. Choose another address with --listen/
    ]],
    ["socket not allowed", Effect.fail(socketDenied), [
      /^koredump-server: cannot listen on \/koredump\.sock: permission denied\. Choose another address/
    ]],
    ["socket in a missing directory", Effect.fail(noDirectory), [
      /^koredump-server: cannot listen on \/nowhere\/koredump\.sock: the directory \/nowhere does not exist\. Create it/
    ]],
    ["invalid arguments, which are already printed", Effect.fail(new CliError.MissingArgument({ argument: "x" })), []],
    ["a signal", Effect.interrupt, []],
    ["a defect, with its stack", Effect.die(new Error("no")), [
      /^koredump-server: internal error: Error: no\n.*at /
    ]]
  ])("%s", ([_name, effect, expected]) =>
    Effect.gen(function*() {
      yield* Effect.exit(reportFailure(effect))
      const lines = yield* TestConsole.errorLines
      assert.strictEqual(lines.length, expected.length)
      expected.forEach((pattern, i) => assert.match(String(lines[i]), pattern))
    }))
})
