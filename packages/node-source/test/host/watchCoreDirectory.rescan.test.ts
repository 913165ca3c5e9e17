import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Stream } from "effect"
import { TestClock } from "effect/testing"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeHostPaths } from "../../src/host/HostPaths.ts"
import { watchCoreDirectory } from "../../src/host/watchCoreDirectory.ts"
import { toCoreId } from "../support/FakeHost.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

/** A file system whose watches start and report nothing. */
const silent = FileSystem.layerNoop({
  watch: (_, options) =>
    Stream.suspend(() => {
      options?.onReady?.()
      return Stream.never
    })
})

it.effect("watchCoreDirectory scans the directory again, so that it finds cores that the watch missed", () =>
  Effect.gen(function*() {
    const coredumpDir = yield* temporaryDirectory
    const found = new Set<string>()
    yield* watchCoreDirectory({
      paths: makeHostPaths({ root: "/nowhere", coredumpDir }),
      known: { file: () => undefined, fileNames: () => [], needsXattrs: () => true },
      listener: {
        onFile: ({ id }) => found.add(id),
        onRemoved: () => {},
        onInvalidFile: () => {},
        onScanned: () => {},
        onFailed: () => {},
        onRecovered: () => {}
      }
    }).pipe(Effect.provide(silent), Effect.forkChild)
    for (const pid of [1, 2]) {
      const id = toCoreId({ pid })
      writeFileSync(join(coredumpDir, id), "core")
      // Time passes for the watch, and the file system gets real time.
      yield* TestClock.adjust("1 second").pipe(
        Effect.andThen(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))),
        Effect.repeat({ until: () => found.has(id), times: 2000 })
      )
      assert.isTrue(found.has(id), id)
    }
  }))
