import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Journal, JournalFailure } from "../../src/journal/Journal.ts"
import { textOf } from "../../src/journal/JournalEntry.ts"
import type { RawEntry } from "../../src/journal/JournalExport.ts"
import { type JournalListener, readJournal } from "../../src/journal/readJournal.ts"
import { changed, fixtureEntries } from "../support/fixtures.ts"

const host = { coredumpUid: 995, machine: undefined }
const cursorOf = (entry: RawEntry | undefined) => textOf(entry!, "__CURSOR")!

const listen = () => {
  const seen = { cursors: new Array<string>(), lacking: new Array<string | undefined>(), read: false }
  const listener: JournalListener = {
    entry: ({ cursor }) => seen.cursors.push(cursor),
    expecting: Effect.never,
    isExpecting: () => false,
    read: () => {
      seen.read = true
    },
    lacking: (why) => seen.lacking.push(why)
  }
  return { seen, listener }
}

const journal = (parts: Partial<Journal["Service"]>) =>
  Journal.of({
    query: () => Stream.empty,
    follow: () => Stream.never,
    read: () => Effect.die("not asked for"),
    pulse: Effect.succeed(""),
    lacking: Effect.succeed([]),
    ...parts
  })

const run = (listener: JournalListener, parts: Partial<Journal["Service"]>) =>
  readJournal(host, listener).pipe(
    Effect.provideService(Journal, journal(parts)),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Effect.forkChild
  )

const [first, second, third] = fixtureEntries as [RawEntry, RawEntry, RawEntry]

describe("JournalReader", () => {
  it.effect("goes on from the last entry, however often the following breaks", () =>
    Effect.gen(function*() {
      const { listener, seen } = listen()
      const starts: Array<string | undefined> = []
      const fiber = yield* run(listener, {
        query: () => Stream.make(first),
        follow: (cursor) => {
          starts.push(cursor)
          return Stream.concat(
            cursor === cursorOf(first) ? Stream.make(second) : Stream.empty,
            Stream.fail(new JournalFailure({ message: "killed" }))
          )
        }
      })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(seen.cursors, [cursorOf(first), cursorOf(second)])
      assert.strictEqual(starts[0], cursorOf(first))
      assert.isTrue(starts.slice(1).every((cursor) => cursor === cursorOf(second)))
      // Backing off: about one attempt in 30 seconds, never a busy loop.
      assert.isAbove(starts.length, 60)
      assert.isBelow(starts.length, 250)
      assert.strictEqual(seen.lacking.at(-1), "killed")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("does not spin where following ends at once", () =>
    Effect.gen(function*() {
      const { listener } = listen()
      let starts = 0
      const fiber = yield* run(listener, {
        follow: () => {
          starts += 1
          return Stream.empty
        }
      })
      yield* TestClock.adjust("1 hour")
      assert.isBelow(starts, 250)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("is whole again when the following lasts", () =>
    Effect.gen(function*() {
      const { listener, seen } = listen()
      let broken = true
      const fiber = yield* run(listener, {
        follow: () => broken ? Stream.fail(new JournalFailure({ message: "no journalctl" })) : Stream.never
      })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(seen.lacking.at(-1), "no journalctl")
      broken = false
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(seen.lacking.at(-1))
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("does not wait for ever for the first reading, and loses nothing of it", () =>
    Effect.gen(function*() {
      const { listener, seen } = listen()
      const fiber = yield* run(listener, {
        query: () => Stream.concat(Stream.make(first), Stream.never),
        follow: (cursor) => cursor === cursorOf(first) ? Stream.concat(Stream.make(second), Stream.never) : Stream.never
      })
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(seen.read)
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(seen.read)
      assert.deepStrictEqual(seen.cursors, [cursorOf(first), cursorOf(second)])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("asks when an entry is due and something was written", () =>
    Effect.gen(function*() {
      const { listener, seen } = listen()
      let pulse = "1"
      let held: ReadonlyArray<RawEntry> = [first]
      let queries = 0
      const fiber = yield* run({ ...listener, expecting: Effect.void, isExpecting: () => true }, {
        pulse: Effect.sync(() => pulse),
        query: (cursor) => {
          queries += 1
          return Stream.fromIterable(held.slice(held.findIndex((entry) => cursorOf(entry) === cursor) + 1))
        }
      })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(queries, 2)
      held = [first, third]
      pulse = "2"
      yield* TestClock.adjust("150 millis")
      assert.deepStrictEqual(seen.cursors, [cursorOf(first), cursorOf(third)])
      assert.strictEqual(queries, 3)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("passes over what is not systemd-coredump's, and goes on", () =>
    Effect.gen(function*() {
      const { listener, seen } = listen()
      const forged = changed(first, { _SYSTEMD_UNIT: undefined, _EXE: "/usr/bin/logger" })
      const fiber = yield* run(listener, { query: () => Stream.make(forged, second) })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(seen.cursors, [cursorOf(second)])
      yield* Fiber.interrupt(fiber)
    }))
})
