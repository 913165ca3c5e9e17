import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { AwaitedEntries } from "../../src/journal/AwaitedEntries.ts"

const minutes = (count: number) => Duration.toMillis(Duration.minutes(count))

describe("AwaitedEntries", () => {
  it.effect("wakes a waiting reader when an entry is awaited", () =>
    Effect.gen(function*() {
      const awaited = new AwaitedEntries()
      assert.isTrue(awaited.isEmpty)
      const waiting = yield* Effect.forkChild(awaited.whenAwaited, { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      awaited.add("a", 0)
      yield* Fiber.join(waiting)
      assert.isFalse(awaited.isEmpty)
    }))

  it.effect("lets the reader wait again after the last entry was read", () =>
    Effect.gen(function*() {
      const awaited = new AwaitedEntries()
      awaited.add("a", 0)
      awaited.add("b", 0)
      awaited.delete("a")
      yield* awaited.whenAwaited
      awaited.delete("b")
      assert.isTrue(awaited.isEmpty)
      const waiting = yield* Effect.forkChild(awaited.whenAwaited, { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
    }))

  it("ignores an entry that is not awaited", () => {
    const awaited = new AwaitedEntries()
    awaited.add("a", 0)
    awaited.delete("b")
    assert.isFalse(awaited.isEmpty)
  })

  it.effect("gives up after six minutes", () =>
    Effect.gen(function*() {
      const awaited = new AwaitedEntries()
      awaited.add("a", 0)
      awaited.add("b", minutes(1))
      awaited.prune(minutes(6))
      awaited.delete("b")
      assert.isFalse(awaited.isEmpty)
      awaited.prune(minutes(6) + 1)
      assert.isTrue(awaited.isEmpty)
      const waiting = yield* Effect.forkChild(awaited.whenAwaited, { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
    }))
})
