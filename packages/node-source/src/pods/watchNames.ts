/** Tells every name that a directory of the host has, or has had since it is watched. */
import { Deferred, Effect, type FileSystem } from "effect"
import { readdir } from "node:fs/promises"
import { attempt, directoryIdentity, watchDirectory } from "../host/files.ts"

const chunkSize = 256
const tick = "2 seconds"
const ticksPerScan = 30

const scan = Effect.fnUntraced(function*(path: string, take: (name: string) => void) {
  const names = yield* attempt(() => readdir(path))
  for (let i = 0; i < names.length; i += chunkSize) {
    for (const name of names.slice(i, i + chunkSize)) take(name)
    yield* Effect.yieldNow
  }
})

/** Watches one and the same directory; ends when another has come to its place. */
const follow = Effect.fnUntraced(function*(path: string, take: (name: string) => void) {
  const first = yield* directoryIdentity(path)
  const watching = yield* Deferred.make<void>()
  const watch = watchDirectory(
    path,
    () => Deferred.doneUnsafe(watching, Effect.void),
    (event) => take(event.path)
  )
  const look = Effect.gen(function*() {
    yield* Deferred.await(watching)
    for (let ticks = 0;; ticks++) {
      if (ticks % ticksPerScan === 0) yield* scan(path, take)
      yield* Effect.sleep(tick)
      if ((yield* directoryIdentity(path)) !== first) return
    }
  })
  yield* Effect.raceFirst(watch, look)
})

/** For ever: a directory that is not there (yet), or is replaced, is waited for. */
export const watchNames = (
  path: string,
  take: (name: string) => void
): Effect.Effect<never, never, FileSystem.FileSystem> =>
  follow(path, take).pipe(
    Effect.catch(({ message }) =>
      Effect.logDebug(`${path} is not followed: ${message}`).pipe(
        // What cannot be watched can be read perhaps: the next tick looks again.
        Effect.andThen(scan(path, take)),
        Effect.ignore
      )
    ),
    Effect.andThen(Effect.sleep(tick)),
    Effect.forever
  )
