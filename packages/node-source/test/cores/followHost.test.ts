import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Deferred, Effect, Logger, Metric, References, Schedule, Stream } from "effect"
import { mkdirSync, rmdirSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { followHost } from "../../src/cores/followHost.ts"
import { HostCores } from "../../src/cores/HostCores.ts"
import { makeHostPaths } from "../../src/host/HostPaths.ts"
import { HostWarnings } from "../../src/host/HostWarnings.ts"
import { AwaitedEntries } from "../../src/journal/AwaitedEntries.ts"
import { Journal } from "../../src/journal/Journal.ts"
import { storeFile, toCoreId } from "../support/FakeHost.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const content = new TextEncoder().encode("core")

const emptyJournal = Journal.of({
  query: () => Stream.empty,
  follow: () => Stream.never,
  read: () => Effect.die("not expected"),
  tailMarker: Effect.succeed(""),
  warnings: Effect.succeed([])
})

/** Waits until the condition holds. */
const waitUntil = (holds: () => boolean) =>
  Effect.repeat(Effect.void, { until: () => holds(), schedule: Schedule.spaced("10 millis") })

/** Follows a directory with one core. Returns when everything has been read. */
const follow = Effect.gen(function*() {
  const coredumpDir = yield* temporaryDirectory
  yield* storeFile(coredumpDir, toCoreId({ pid: 1 }), content)
  const awaited = new AwaitedEntries()
  const index = yield* CoreIndex.make()
  const cores = new HostCores(index, {
    node: "node-1",
    maxCores: 100,
    loadPod: () => undefined,
    isVisible: () => true
  })
  const lines: Array<string> = []
  const logger = Logger.make(({ fiber, message }) => {
    lines.push(`${[message].flat().join()}: ${fiber.getRef(References.CurrentLogAnnotations)["file"]}`)
  })
  const context = yield* Effect.context<never>().pipe(Effect.provide(Logger.layer([logger])))
  const run = (log: Effect.Effect<void>) => Effect.runSyncWith(context)(log)
  const ready = yield* followHost({
    paths: makeHostPaths({ root: "/nowhere", coredumpDir }),
    cores,
    pods: undefined,
    awaited,
    warnings: new HostWarnings({ coredumpDir, stateDir: undefined, run }),
    begin: Effect.void,
    run
  })
  yield* Deferred.await(ready)
  return { awaited, coredumpDir, cores, lines }
}).pipe(
  Effect.provideService(Journal, emptyJournal),
  Effect.provideService(Metric.MetricRegistry, new Map()),
  Effect.provide(NodeServices.layer)
)

describe("followHost", () => {
  it.live("does not await the entries of cores that exist at startup", () =>
    Effect.gen(function*() {
      const { awaited, cores } = yield* follow
      assert.deepStrictEqual<ReadonlyArray<string>>([...cores.fileNames()], [toCoreId({ pid: 1 })])
      assert.isTrue(awaited.isEmpty)
    }))

  it.live("awaits the entry of a new core until its file is removed", () =>
    Effect.gen(function*() {
      const { awaited, coredumpDir, cores } = yield* follow
      const id = toCoreId({ pid: 2 })
      yield* storeFile(coredumpDir, id, content)
      yield* waitUntil(() => cores.file(id) !== undefined)
      assert.isFalse(awaited.isEmpty)
      rmSync(join(coredumpDir, id))
      yield* waitUntil(() => awaited.isEmpty)
    }))

  it.live("removes a core if something else takes the place of its file", () =>
    Effect.gen(function*() {
      const { awaited, coredumpDir, cores } = yield* follow
      const id = toCoreId({ pid: 2 })
      yield* storeFile(coredumpDir, id, content)
      yield* waitUntil(() => cores.file(id) !== undefined)
      assert.isFalse(awaited.isEmpty)
      rmSync(join(coredumpDir, id))
      symlinkSync("/etc/passwd", join(coredumpDir, id))
      yield* waitUntil(() => cores.file(id) === undefined)
      assert.isTrue(awaited.isEmpty)
    }))

  it.live("logs an invalid file once, and again after it was gone", () =>
    Effect.gen(function*() {
      const { coredumpDir, cores, lines } = yield* follow
      const id = toCoreId({ pid: 2 })
      const line = `Invalid file in the coredump directory: ${id}`
      mkdirSync(join(coredumpDir, id))
      yield* waitUntil(() => lines.length === 1)
      // Events are in order: after this core was seen, the directory was examined.
      rmdirSync(join(coredumpDir, id))
      yield* storeFile(coredumpDir, toCoreId({ pid: 3 }), content)
      yield* waitUntil(() => cores.file(toCoreId({ pid: 3 })) !== undefined)
      assert.deepStrictEqual(lines, [line])
      mkdirSync(join(coredumpDir, id))
      yield* waitUntil(() => lines.length === 2)
      assert.deepStrictEqual(lines, [line, line])
    }))
})
