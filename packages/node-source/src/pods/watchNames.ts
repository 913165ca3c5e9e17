import { Deferred, Effect, type FileSystem } from "effect"
import { readdir } from "node:fs/promises"
import { identifyDirectory, tryFile, watchDirectory } from "../host/files.ts"

const chunkSize = 256
const tick = "2 seconds"
const ticksPerScan = 30

const scan = Effect.fnUntraced(function*(path: string, onName: (name: string) => void) {
  const names = yield* tryFile(() => readdir(path))
  for (let i = 0; i < names.length; i += chunkSize) {
    for (const name of names.slice(i, i + chunkSize)) onName(name)
    yield* Effect.yieldNow
  }
})

/** Watches the directory until another directory takes its place. */
const watchOnce = Effect.fnUntraced(function*(path: string, onName: (name: string) => void) {
  const first = yield* identifyDirectory(path)
  const watching = yield* Deferred.make<void>()
  const watch = watchDirectory(
    path,
    () => Deferred.doneUnsafe(watching, Effect.void),
    (event) => onName(event.path)
  )
  const check = Effect.gen(function*() {
    yield* Deferred.await(watching)
    for (let ticks = 0;; ticks++) {
      if (ticks % ticksPerScan === 0) yield* scan(path, onName)
      yield* Effect.sleep(tick)
      if ((yield* identifyDirectory(path)) !== first) return
    }
  })
  yield* Effect.raceFirst(watch, check)
})

/**
 * Reports each name that a directory of the host contains now or later, possibly more than once. Names that are removed
 * may be reported, too. Never ends: waits for a directory that does not exist yet, or is replaced.
 */
export const watchNames = (
  path: string,
  onName: (name: string) => void
): Effect.Effect<never, never, FileSystem.FileSystem> =>
  watchOnce(path, onName).pipe(
    Effect.catch(({ message }) =>
      Effect.logDebug("Directory watch failed").pipe(
        Effect.annotateLogs({ path, reason: message }),
        // A directory that cannot be watched may still be readable.
        Effect.andThen(scan(path, onName)),
        Effect.ignore
      )
    ),
    Effect.andThen(Effect.sleep(tick)),
    Effect.forever
  )
