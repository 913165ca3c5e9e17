import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Metric, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import { AwaitedEntries } from "../../src/journal/AwaitedEntries.ts"
import { decodeEntry, getText } from "../../src/journal/decodeEntry.ts"
import type { RawEntry } from "../../src/journal/decodeJournalExport.ts"
import { Journal, JournalFailure } from "../../src/journal/Journal.ts"
import { type JournalListener, readJournal } from "../../src/journal/readJournal.ts"
import { fixtureEntries, withFields } from "../support/fixtures.ts"

const host = { coredumpUid: 995, machine: undefined }
const getCursor = (entry: RawEntry | undefined) => getText(entry!, "__CURSOR")!

/** A listener that records its events. A failure is its reason, a recovery is undefined. */
const record = () => {
  const events = { cursors: new Array<string>(), failures: new Array<string | undefined>(), isRead: false }
  const listener: JournalListener = {
    onEntry: ({ cursor }) => events.cursors.push(cursor),
    onInitialRead: () => {
      events.isRead = true
    },
    onFailed: (reason) => events.failures.push(reason),
    onRecovered: () => events.failures.push(undefined)
  }
  return { events, listener }
}

const makeJournal = (parts: Partial<Journal["Service"]>) =>
  Journal.of({
    query: () => Stream.empty,
    follow: () => Stream.never,
    read: () => Effect.die("not expected"),
    tailMarker: Effect.succeed(""),
    warnings: Effect.succeed([]),
    ...parts
  })

const run = (listener: JournalListener, parts: Partial<Journal["Service"]>, awaited = new AwaitedEntries()) =>
  readJournal({ host, awaited, listener }).pipe(
    Effect.provideService(Journal, makeJournal(parts)),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Effect.forkChild
  )

const [first, second, third] = fixtureEntries as [RawEntry, RawEntry, RawEntry]

describe("readJournal", () => {
  it.effect("continues after the last entry each time journalctl fails", () =>
    Effect.gen(function*() {
      const { events, listener } = record()
      const starts: Array<string | undefined> = []
      const fiber = yield* run(listener, {
        query: () => Stream.make(first),
        follow: (cursor) => {
          starts.push(cursor)
          return Stream.concat(
            cursor === getCursor(first) ? Stream.make(second) : Stream.empty,
            Stream.fail(new JournalFailure({ message: "killed" }))
          )
        }
      })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(events.cursors, [getCursor(first), getCursor(second)])
      assert.strictEqual(starts[0], getCursor(first))
      assert.isTrue(starts.slice(1).every((cursor) => cursor === getCursor(second)))
      // The backoff grows to 30 seconds.
      assert.isAbove(starts.length, 60)
      assert.isBelow(starts.length, 250)
      assert.strictEqual(events.failures.at(-1), "killed")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("backs off if journalctl exits immediately", () =>
    Effect.gen(function*() {
      const { listener } = record()
      let starts = 0
      const fiber = yield* run(listener, {
        follow: () => {
          starts += 1
          return Stream.empty
        }
      })
      yield* TestClock.adjust("1 hour")
      assert.isAbove(starts, 60)
      assert.isBelow(starts, 250)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("recovers when journalctl keeps running", () =>
    Effect.gen(function*() {
      const { events, listener } = record()
      let isBroken = true
      const fiber = yield* run(listener, {
        follow: () => isBroken ? Stream.fail(new JournalFailure({ message: "journalctl not found" })) : Stream.never
      })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(events.failures.at(-1), "journalctl not found")
      isBroken = false
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(events.failures.at(-1))
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("limits the initial read to 10 seconds, and continues after its last entry", () =>
    Effect.gen(function*() {
      const { events, listener } = record()
      const fiber = yield* run(listener, {
        query: () => Stream.concat(Stream.make(first), Stream.never),
        follow: (cursor) =>
          cursor === getCursor(first) ? Stream.concat(Stream.make(second), Stream.never) : Stream.never
      })
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(events.isRead)
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(events.isRead)
      assert.deepStrictEqual(events.cursors, [getCursor(first), getCursor(second)])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("polls when an entry is awaited and something was written", () =>
    Effect.gen(function*() {
      const { events, listener } = record()
      const awaited = new AwaitedEntries()
      awaited.add(decodeEntry(third, host)!.id, 0)
      let marker = "1"
      let present: ReadonlyArray<RawEntry> = [first]
      let queries = 0
      const fiber = yield* run(listener, {
        tailMarker: Effect.sync(() => marker),
        query: (cursor) => {
          queries += 1
          return Stream.fromIterable(present.slice(present.findIndex((entry) => getCursor(entry) === cursor) + 1))
        }
      }, awaited)
      yield* TestClock.adjust("1 second")
      // The initial read and the forced poll.
      assert.strictEqual(queries, 2)
      present = [first, third]
      marker = "2"
      yield* TestClock.adjust("150 millis")
      assert.deepStrictEqual(events.cursors, [getCursor(first), getCursor(third)])
      assert.strictEqual(queries, 3)
      // The awaited entry has been read, so polling ends.
      assert.isTrue(awaited.isEmpty)
      marker = "3"
      yield* TestClock.adjust("1 second")
      assert.strictEqual(queries, 3)
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("rejects entries that systemd-coredump did not write, and continues", () =>
    Effect.gen(function*() {
      const { events, listener } = record()
      const forged = withFields(first, { _SYSTEMD_UNIT: undefined, _EXE: "/usr/bin/logger" })
      const incomplete = withFields(first, { COREDUMP_FILENAME: undefined, COREDUMP_PID: undefined })
      const lines: Array<unknown> = []
      const logger = Logger.make(({ fiber, message }) => {
        lines.push([...[message].flat(), fiber.getRef(References.CurrentLogAnnotations)["reason"]])
      })
      const fiber = yield* run(listener, { query: () => Stream.make(forged, incomplete, second) }).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(events.cursors, [getCursor(second)])
      assert.deepStrictEqual(lines, [
        ["Journal entry rejected", "not written by systemd-coredump"],
        ["Journal entry rejected", "no core ID in the entry"]
      ])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("logs the first 20 rejected entries, and counts all", () =>
    Effect.gen(function*() {
      const { listener } = record()
      const forged = withFields(first, { _SYSTEMD_UNIT: undefined, _EXE: "/usr/bin/logger" })
      let lines = 0
      const logger = Logger.make(() => {
        lines += 1
      })
      const registry: typeof Metric.MetricRegistry.Service = new Map()
      const fiber = yield* readJournal({ host, awaited: new AwaitedEntries(), listener }).pipe(
        Effect.provideService(Journal, makeJournal({ query: () => Stream.fromIterable(Array(50).fill(forged)) })),
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(Metric.MetricRegistry, registry),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(lines, 20)
      const counters = yield* Metric.snapshot.pipe(Effect.provideService(Metric.MetricRegistry, registry))
      const rejected = counters.find(({ id }) => id === "koredump_journal_rejected_entries_total")
      assert.deepInclude(rejected?.state, { count: 50 })
      yield* Fiber.interrupt(fiber)
    }))
})
