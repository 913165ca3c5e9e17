import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger, References } from "effect"
import { HostWarnings } from "../../src/host/HostWarnings.ts"

/** Warnings, and what they log: the message and its annotations. */
const make = Effect.gen(function*() {
  const lines: Array<readonly [unknown, Readonly<Record<string, unknown>>]> = []
  const logger = Logger.make(({ fiber, message }) => {
    lines.push([
      Array.isArray(message) ? message[0] : message,
      { ...fiber.getRef(References.CurrentLogAnnotations) }
    ])
  })
  const context = yield* Effect.context<never>().pipe(Effect.provide(Logger.layer([logger])))
  const runSync = Effect.runSyncWith(context)
  const warnings = new HostWarnings({ coredumpDir: "/cores", stateDir: "/state", run: (log) => runSync(log) })
  return { warnings, lines, runSync }
})

describe("HostWarnings", () => {
  it.effect("has a sentence for each part that fails", () =>
    Effect.gen(function*() {
      const { lines, warnings } = yield* make
      assert.deepStrictEqual(warnings.sentences, [])
      warnings.journal.onFailed("journalctl not found")
      warnings.directory.onFailed("permission denied")
      warnings.state.onFailed("read-only file system")
      warnings.setUnreadableCore({ id: "core.a", reason: "permission denied" })
      assert.deepStrictEqual(warnings.sentences, [
        "Journal not readable: journalctl not found.",
        "Coredump directory /cores not watchable: permission denied. " +
        "Run the server as a user who can read and search the directory.",
        "State directory /state not writable: read-only file system. Pod identities are lost when the server restarts. " +
        "Check the permissions and the free space of the directory.",
        "Some core files are not readable, for example core.a: permission denied. " +
        "Run as a user who can read them; in the chart, set node.dacReadSearch to true."
      ])
      assert.deepStrictEqual(lines, [
        ["Journal not readable", { reason: "journalctl not found" }],
        ["Coredump directory watch failed", { path: "/cores", reason: "permission denied" }],
        ["State directory not writable", { path: "/state", reason: "read-only file system" }],
        ["Core file not readable", { id: "core.a", reason: "permission denied" }]
      ])
    }))

  it.effect.each([
    "journalctl failed: PermissionDenied",
    "journalctl failed: No journal files were opened due to insufficient permissions"
  ])("advises what to do about the journal: %s", (reason) =>
    Effect.gen(function*() {
      const { lines, warnings } = yield* make
      warnings.journal.onFailed(reason)
      assert.deepStrictEqual(warnings.sentences, [
        `Journal not readable: ${reason}. Run the server as a user in the group systemd-journal.`
      ])
      assert.deepStrictEqual(lines, [["Journal not readable", { reason }]])
    }))

  it.effect("logs a failure once until it recovers", () =>
    Effect.gen(function*() {
      const { lines, warnings } = yield* make
      for (let attempt = 0; attempt < 3; attempt++) warnings.journal.onFailed("journalctl not found")
      assert.strictEqual(lines.length, 1)
      assert.isTrue(warnings.hasFailed("journal"))
      warnings.journal.onRecovered()
      assert.isFalse(warnings.hasFailed("journal"))
      assert.deepStrictEqual(warnings.sentences, [])
      warnings.journal.onFailed("journalctl not found")
      assert.strictEqual(lines.length, 2)
    }))

  it.effect("changes the example of an unreadable core without another log line", () =>
    Effect.gen(function*() {
      const { lines, warnings } = yield* make
      warnings.setUnreadableCore({ id: "core.a", reason: "permission denied" })
      warnings.setUnreadableCore({ id: "core.b", reason: "permission denied" })
      assert.match(warnings.sentences.join(), /for example core\.b/)
      assert.strictEqual(lines.length, 1)
      warnings.setUnreadableCore(undefined)
      assert.deepStrictEqual(warnings.sentences, [])
    }))

  it.effect("keeps the parts apart", () =>
    Effect.gen(function*() {
      const { warnings } = yield* make
      warnings.journal.onFailed("journalctl not found")
      warnings.directory.onRecovered()
      assert.isTrue(warnings.hasFailed("journal"))
      assert.isFalse(warnings.hasFailed("directory"))
    }))

  it.effect.each(
    [
      ["journal", "Journal reader stopped: internal error"],
      ["directory", "Coredump directory watch stopped: internal error"]
    ] as const
  )("logs an internal error of the %s reader, and keeps the warning", ([part, message]) =>
    Effect.gen(function*() {
      const { lines, runSync, warnings } = yield* make
      runSync(warnings.logStopped(part, Cause.die(new Error("broken"))))
      assert.deepStrictEqual(lines.map(([text]) => text), [message])
      assert.deepStrictEqual(warnings.sentences, [`${message}, see the log. Restart the server.`])
      assert.isTrue(warnings.hasFailed(part))
    }))
})
