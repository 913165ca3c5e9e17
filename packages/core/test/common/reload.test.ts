import { assert, describe, it } from "@effect/vitest"
import { reload } from "@koredump/core"
import { Effect, Logger, References, Schema } from "effect"
import { TestClock } from "effect/testing"

class ReadFailed extends Schema.TaggedError<ReadFailed>()("ReadFailed", { message: Schema.String }) {}

const messages = { reloaded: "File reloaded", failed: "File not reloaded", recovered: "File readable again" }

describe("reload", () => {
  it.effect("gives the newest value that could be read, and logs each change and each failure once", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ fiber, message }) => {
      const { reason } = fiber.getRef(References.CurrentLogAnnotations)
      logged.push(`${String(message)}${reason === undefined ? "" : `: ${String(reason)}`}`)
    })
    return Effect.gen(function*() {
      let content: string | Error = "one"
      const changes: Array<string> = []
      const failures: Array<string | undefined> = []
      const read = Effect.suspend(() =>
        typeof content === "string"
          ? Effect.succeed(content)
          : Effect.fail(new ReadFailed({ message: content.message }))
      )
      const current = yield* reload({
        read,
        every: "5 seconds",
        isSame: (a, b) => a === b,
        messages,
        onChange: (value) => changes.push(value),
        onRead: (reason) => failures.push(reason)
      })
      const after = (next: string | Error) =>
        Effect.suspend(() => {
          content = next
          return Effect.as(TestClock.adjust("5 seconds"), undefined)
        })
      assert.strictEqual(current(), "one")
      yield* after("one")
      assert.deepStrictEqual(logged, [])
      yield* after("two")
      assert.strictEqual(current(), "two")
      yield* after(new Error("permission denied"))
      yield* after(new Error("permission denied"))
      assert.strictEqual(current(), "two")
      yield* after("two")
      yield* after(new Error("permission denied"))
      yield* after("three")
      assert.strictEqual(current(), "three")
      assert.deepStrictEqual(changes, ["two", "three"])
      const denied = "permission denied"
      assert.deepStrictEqual(failures, [undefined, undefined, denied, denied, undefined, denied, undefined])
      assert.deepStrictEqual(logged, [
        "File reloaded",
        "File not reloaded: permission denied",
        "File readable again",
        "File not reloaded: permission denied",
        "File readable again",
        "File reloaded"
      ])
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
  })

  it.effect("starts with a given value, without reading", () =>
    Effect.gen(function*() {
      let content = "two"
      const current = yield* reload({
        read: Effect.sync(() => content),
        every: "5 seconds",
        initial: "one",
        isSame: (a, b) => a === b,
        messages
      })
      assert.strictEqual(current(), "one")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(current(), "two")
      content = "three"
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(current(), "three")
    }))

  it.effect("fails if the first read fails", () =>
    Effect.gen(function*() {
      const read = Effect.fail(new ReadFailed({ message: "not found" }))
      const error = yield* Effect.flip(Effect.scoped(reload({ read, every: 1, isSame: Object.is, messages })))
      assert.strictEqual(error.message, "not found")
    }))
})
