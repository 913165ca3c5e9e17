import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { ReadinessTracker } from "../../src/cluster/ClusterReadiness.ts"

describe("ReadinessTracker", () => {
  it.effect("ends the wait after 30 seconds, and logs at most 20 names", () =>
    Effect.gen(function*() {
      const logged: Array<Readonly<Record<string, unknown>>> = []
      const logger = Logger.make(({ fiber }) => logged.push(fiber.getRef(References.CurrentLogAnnotations)))
      const tracker = new ReadinessTracker()
      yield* tracker.limitWait.pipe(Effect.provide(Logger.layer([logger])), Effect.forkChild)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(tracker.waiting(0), "Nodes not discovered yet")
      tracker.onDiscovered(Array.from({ length: 25 }, (_, i) => `node-${i}`))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(tracker.waiting(25), "25 of 25 nodes have not answered yet")
      yield* TestClock.adjust("1 second")
      assert.isUndefined(tracker.waiting(25))
      assert.strictEqual(logged[0]?.["count"], 25)
      assert.lengthOf(String(logged[0]?.["nodes"]).split(", "), 20)
    }))

  it.effect("logs nothing if all nodes have answered", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const tracker = new ReadinessTracker()
      yield* tracker.limitWait.pipe(
        Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))])),
        Effect.forkChild
      )
      tracker.onDiscovered(["node-1"])
      assert.strictEqual(tracker.waiting(1), "1 of 1 nodes have not answered yet")
      tracker.onAnswered("node-1")
      yield* tracker.ready
      assert.isUndefined(tracker.waiting(1))
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(logged, 0)
    }))
})
