import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { limitReads } from "../../src/journal/limitReads.ts"

/** Reads that the test ends one by one. */
const make = Effect.gen(function*() {
  const running: Array<string> = []
  const log: Array<string> = []
  const done = yield* Deferred.make<void>()
  const read = yield* limitReads((key) =>
    Effect.sync(() => {
      running.push(key)
      log.push(`start ${key}`)
    }).pipe(
      Effect.andThen(Deferred.await(done)),
      Effect.as(key),
      Effect.onInterrupt(() => Effect.sync(() => log.push(`stop ${key}`))),
      Effect.ensuring(Effect.sync(() => running.splice(running.indexOf(key), 1)))
    )
  )
  const fork = (key: string) => Effect.forkChild(Effect.result(read(key)), { startImmediately: true })
  return { done, fork, log, running }
})

const settle = TestClock.adjust("1 millis")

describe("limitReads", () => {
  it.effect("runs two reads at a time, and the others after them", () =>
    Effect.gen(function*() {
      const { done, fork, log, running } = yield* make
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }, (_, i) => `k${i}`), fork)
      yield* settle
      assert.deepStrictEqual(running, ["k0", "k1"])
      yield* Deferred.succeed(done, undefined)
      const results = yield* Fiber.joinAll(fibers)
      assert.isTrue(results.every(({ _tag }) => _tag === "Success"))
      assert.strictEqual(log.length, 20)
    }))

  it.effect("reads the same key once for all that ask at the same time", () =>
    Effect.gen(function*() {
      const { done, fork, log } = yield* make
      const fibers = yield* Effect.forEach(Array.from({ length: 300 }, () => "same"), fork)
      yield* settle
      yield* Fiber.interrupt(fibers[0]!)
      yield* Deferred.succeed(done, undefined)
      const results = yield* Fiber.joinAll(fibers.slice(1))
      assert.isTrue(results.every(({ _tag }) => _tag === "Success"))
      assert.deepStrictEqual(log, ["start same"])
    }))

  it.effect("stops a read that nobody waits for any longer", () =>
    Effect.gen(function*() {
      const { fork, log, running } = yield* make
      const fibers = yield* Effect.forEach(["a", "a", "b", "c"], fork)
      yield* settle
      yield* Fiber.interruptAll(fibers.slice(0, 2))
      yield* settle
      assert.deepStrictEqual(log, ["start a", "start b", "stop a", "start c"])
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(running, [])
    }))

  it.effect("rejects reads if too many wait, or one waits too long", () =>
    Effect.gen(function*() {
      const { done, fork } = yield* make
      const fibers = yield* Effect.forEach(Array.from({ length: 36 }, (_, i) => `k${i}`), fork)
      yield* settle
      for (const fiber of fibers.slice(34)) {
        const result = yield* Fiber.join(fiber)
        assert.deepInclude(result._tag === "Failure" ? result.failure : result, { _tag: "ServerBusy", status: 503 })
      }
      yield* TestClock.adjust("5 seconds")
      for (const fiber of fibers.slice(2, 34)) assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failure")
      assert.match(yield* PrometheusMetrics.format(), /^koredump_journal_reads_rejected_total 34$/m)
      yield* Deferred.succeed(done, undefined)
      for (const fiber of fibers.slice(0, 2)) assert.strictEqual((yield* Fiber.join(fiber))._tag, "Success")
      // The queue is empty again.
      const again = yield* fork("again")
      assert.strictEqual((yield* Fiber.join(again))._tag, "Success")
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})
