import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AwaitedEntries } from "../../src/journal/AwaitedEntries.ts"
import { Journal, JournalFailure } from "../../src/journal/Journal.ts"
import { readJournal } from "../../src/journal/readJournal.ts"

/** How often journalctl is started in an hour, and what the listener receives. */
const runForAnHour = Effect.fnUntraced(function*(follow: Stream.Stream<never, JournalFailure>) {
  let starts = 0
  let recoveries = 0
  const failures: Array<string> = []
  const fiber = yield* readJournal({
    host: { coredumpUid: undefined, machine: undefined },
    awaited: new AwaitedEntries(),
    listener: {
      onEntry: () => {},
      onInitialRead: () => {},
      onFailed: (reason) => failures.push(reason),
      onRecovered: () => {
        recoveries += 1
      }
    }
  }).pipe(
    Effect.provideService(
      Journal,
      Journal.of({
        query: () => Stream.empty,
        follow: () =>
          Stream.suspend(() => {
            starts += 1
            return follow
          }),
        read: () => Effect.die("not expected"),
        tailMarker: Effect.succeed(""),
        warnings: Effect.succeed([])
      })
    ),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Effect.forkChild
  )
  yield* TestClock.adjust("1 hour")
  yield* Fiber.interrupt(fiber)
  return { starts, recoveries, failures }
})

const failure = Stream.fail(new JournalFailure({ message: "killed" }))

describe("restarts of journalctl", () => {
  it.effect("never stop if journalctl exits at once with success", () =>
    Effect.gen(function*() {
      const { starts } = yield* runForAnHour(Stream.empty)
      assert.isAbove(starts, 60)
      assert.isBelow(starts, 250)
    }))

  it.effect("back off if journalctl fails within 3 seconds, which is no recovery", () =>
    Effect.gen(function*() {
      const { failures, recoveries, starts } = yield* runForAnHour(
        Stream.concat(Stream.fromEffectDrain(Effect.sleep("2 seconds")), failure)
      )
      assert.isAbove(starts, 60)
      assert.isBelow(starts, 250)
      // The hour may end within a run.
      assert.isAtLeast(failures.length, starts - 1)
      // The initial read.
      assert.strictEqual(recoveries, 1)
    }))

  it.effect("start again with the shortest delay after a run of more than 3 seconds", () =>
    Effect.gen(function*() {
      const { recoveries, starts } = yield* runForAnHour(
        Stream.concat(Stream.fromEffectDrain(Effect.sleep("4 seconds")), failure)
      )
      assert.isAbove(starts, 3600 / 5)
      assert.isAbove(recoveries, 3600 / 5)
    }))
})
