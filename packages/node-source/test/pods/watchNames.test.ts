import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Stream } from "effect"
import { TestClock } from "effect/testing"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { watchNames } from "../../src/pods/watchNames.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

it.effect("watchNames scans the directory again, so that it finds names that the watch missed", () =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const names = new Set<string>()
    const silent = FileSystem.layerNoop({
      watch: (_, options) =>
        Stream.suspend(() => {
          options?.onReady?.()
          return Stream.never
        })
    })
    yield* Effect.forkChild(Effect.provide(watchNames(directory, (name) => names.add(name)), silent))
    // Time passes for the watch, and the file system gets real time.
    const findWithin = (ticks: number, name: string) =>
      TestClock.adjust("2 seconds").pipe(
        Effect.andThen(Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))),
        Effect.repeat({ until: () => names.has(name), times: ticks })
      )
    for (const name of ["present", "late"]) {
      writeFileSync(join(directory, name), "")
      yield* findWithin(1000, name)
      assert.isTrue(names.has(name), name)
    }
  }))
