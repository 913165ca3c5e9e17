import { assert, describe, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Effect, Fiber, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { HostCores } from "../../src/cores/HostCores.ts"
import { runMaintenance, runSweeps, sweepState } from "../../src/cores/runMaintenance.ts"
import { HostWarnings } from "../../src/host/HostWarnings.ts"
import { AwaitedEntries } from "../../src/journal/AwaitedEntries.ts"
import { decodeEntry } from "../../src/journal/decodeEntry.ts"
import { Journal } from "../../src/journal/Journal.ts"
import { makeStateDirectory, type StateDirectory } from "../../src/pods/StateDirectory.ts"
import { entryFields, toCoreId } from "../support/FakeHost.ts"
import { rawEntry } from "../support/fixtures.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const hour = 3_600_000_000

const makeEntry = (pid: number, time: number) =>
  decodeEntry(rawEntry({ __CURSOR: String(pid), ...entryFields({ pid, time }) }), {
    coredumpUid: undefined,
    machine: undefined
  })!

const makeCores = Effect.gen(function*() {
  const index = yield* CoreIndex.make()
  const cores = new HostCores(index, {
    node: "node-1",
    maxCores: 100,
    loadPod: () => undefined,
    isVisible: () => true
  })
  cores.publish()
  return { cores, index }
})

const makeWarnings = () => new HostWarnings({ coredumpDir: "/cores", stateDir: "/state", run: () => {} })

const makeJournal = (...warnings: ReadonlyArray<string>) =>
  Journal.of({
    query: () => Stream.empty,
    follow: () => Stream.never,
    read: () => Effect.die("not expected"),
    tailMarker: Effect.succeed(""),
    warnings: Effect.succeed(warnings)
  })

describe("runMaintenance", () => {
  it.effect("removes crashes without a core that are too old", () =>
    Effect.gen(function*() {
      const { cores, index } = yield* makeCores
      yield* TestClock.setTime(10 * hour / 1000)
      for (const age of [1, 2, 3]) cores.putEntry(makeEntry(age, (10 - age) * hour))
      const fiber = yield* runMaintenance({
        index,
        cores,
        pods: undefined,
        awaited: new AwaitedEntries(),
        maxMissingAgeMillis: 2.5 * hour / 1000
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()), Effect.forkChild)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...index].map(({ COREDUMP_PID }) => COREDUMP_PID), [2, 1])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual([...index].map(({ COREDUMP_PID }) => COREDUMP_PID), [1])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("gives up on awaited entries, and prunes pods", () =>
    Effect.gen(function*() {
      const { cores, index } = yield* makeCores
      const awaited = new AwaitedEntries()
      awaited.add("too-old", performance.now() - 7 * 60_000)
      let prunes = 0
      const pods = {
        onEntry: () => {},
        prune: () => {
          prunes += 1
        },
        run: Effect.void
      }
      const fiber = yield* runMaintenance({ index, cores, pods, awaited, maxMissingAgeMillis: hour }).pipe(
        Effect.provideService(Metric.MetricRegistry, new Map()),
        Effect.forkChild
      )
      yield* TestClock.adjust("11 seconds")
      assert.isTrue(awaited.isEmpty)
      assert.strictEqual(prunes, 2)
      yield* Fiber.interrupt(fiber)
    }))
})

describe("sweepState", () => {
  const known = toCoreId({ pid: 1 })
  const unknown = toCoreId({ pid: 2 })

  /** Sweeps a state directory with a known and an unknown core twice. Returns the cores that are left. */
  const sweepTwice = Effect.fnUntraced(function*(warnings: HostWarnings, journal: Journal["Service"]) {
    const path = yield* temporaryDirectory
    for (const stem of [known, unknown]) writeFileSync(join(path, `${stem}.json`), "{}")
    const { cores } = yield* makeCores
    cores.putEntry(makeEntry(1, 1_700_000_000_000_000))
    const state = makeStateDirectory(path, { onInvalidFile: () => {}, onFailed: () => {}, onRecovered: () => {} })
    for (let sweep = 0; sweep < 2; sweep++) yield* sweepState({ state, cores, journal, warnings })
    return readdirSync(path).toSorted()
  })

  it.live("removes the pods of unknown cores", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* sweepTwice(makeWarnings(), makeJournal()), [`${known}.json`])
    }))

  it.live.each<readonly [string, (warnings: HostWarnings) => void, ReadonlyArray<string>]>([
    ["the journal is not readable", ({ journal }) => journal.onFailed("journalctl not found"), []],
    ["the coredump directory is not readable", ({ directory }) => directory.onFailed("permission denied"), []],
    ["the journal does not exist", () => {}, ["Journal not found."]]
  ])("removes nothing while %s", ([, fail, journalWarnings]) =>
    Effect.gen(function*() {
      const warnings = makeWarnings()
      fail(warnings)
      const left = yield* sweepTwice(warnings, makeJournal(...journalWarnings))
      assert.deepStrictEqual(left, [`${known}.json`, `${unknown}.json`])
    }))
})

describe("runSweeps", () => {
  it.effect("sweeps every two minutes, and not at the start", () =>
    Effect.gen(function*() {
      const { cores } = yield* makeCores
      let sweeps = 0
      const state: StateDirectory = {
        load: () => undefined,
        save: () => {},
        run: Effect.never,
        sweep: () =>
          Effect.sync(() => {
            sweeps += 1
          })
      }
      const fiber = yield* Effect.forkChild(
        runSweeps({ state, cores, journal: makeJournal(), warnings: makeWarnings() })
      )
      yield* TestClock.adjust("119 seconds")
      assert.strictEqual(sweeps, 0)
      yield* TestClock.adjust("4 minutes")
      assert.strictEqual(sweeps, 2)
      yield* Fiber.interrupt(fiber)
    }))
})
