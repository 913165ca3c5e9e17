import {
  type CoreIndex,
  CoreNotFound,
  type CoreRef,
  CoreSource,
  DeletionDisabled,
  formatTimestamp,
  type NodeStatus,
  NotReady,
  requireStored
} from "@koredump/core"
import { Clock, Deferred, Effect, FileSystem, Option, Stream } from "effect"
import type { HostCores } from "./cores/HostCores.ts"
import type { HostPaths } from "./host/HostPaths.ts"
import { openCore } from "./host/openCore.ts"
import { removeCore } from "./host/removeCore.ts"
import { decodeMetadata, type HeavyFields } from "./journal/decodeEntry.ts"
import { fitMetadata } from "./journal/fitMetadata.ts"
import { Journal } from "./journal/Journal.ts"
import { limitReads } from "./journal/limitReads.ts"

/** The parts that the `CoreSource` of a host is made of. */
interface MakeCoreSourceOptions {
  readonly paths: HostPaths
  readonly node: string
  readonly index: CoreIndex
  readonly cores: HostCores
  readonly allowDelete: boolean
  /** Until it completes, requests fail with `NotReady`. */
  readonly ready: Deferred.Deferred<void>
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}

const heavyFieldsTimeout = "10 seconds"

const noHeavyFields: HeavyFields = { fields: {}, omitted: [] }

const currentTimestamp = Effect.map(Clock.currentTimeMillis, (millis) => formatTimestamp(millis * 1000)!)

/** Only `node` and `id`. Callers may pass a whole core as its reference, but problems have no other keys. */
const toRef = ({ id, node }: CoreRef): CoreRef => ({ node, id })

/** The `CoreSource` of one host. */
export const makeCoreSource = Effect.fnUntraced(function*(options: MakeCoreSourceOptions) {
  const { allowDelete, cores, index, node, paths, ready, warnings } = options
  const fs = yield* FileSystem.FileSystem
  const journal = yield* Journal

  let since = yield* currentTimestamp
  yield* Deferred.await(ready).pipe(
    Effect.andThen(currentTimestamp),
    Effect.tap((now) =>
      Effect.sync(() => {
        since = now
      })
    ),
    Effect.forkScoped
  )

  const whenReady = Effect.suspend(() =>
    Deferred.isDoneUnsafe(ready)
      ? Effect.void
      : Effect.fail(
        new NotReady({ detail: "The server is starting: it is still reading the cores of this host." })
      )
  )

  const find = Effect.fnUntraced(function*(ref: CoreRef) {
    yield* whenReady
    return index.get(ref) ?? (yield* new CoreNotFound(toRef(ref)))
  })

  const findStored = (ref: CoreRef) => Effect.flatMap(find(ref), requireStored)

  const readEntry = yield* limitReads((cursor) =>
    journal.read(cursor).pipe(
      Effect.timeout(heavyFieldsTimeout),
      Effect.map(Option.match({ onNone: () => noHeavyFields, onSome: decodeMetadata }))
    )
  )

  const readHeavyFields = (ref: CoreRef) => {
    const entry = cores.entry(ref.id)
    if (entry === undefined) return Effect.succeed(noHeavyFields)
    return Effect.catchIf(
      readEntry(entry.cursor),
      (error) => error._tag !== "ServerBusy",
      ({ message }) =>
        Effect.logWarning("Core metadata incomplete: journal entry not readable").pipe(
          Effect.annotateLogs({ id: ref.id, reason: message }),
          Effect.as(noHeavyFields)
        )
    )
  }

  const readCorePattern = paths.isThisHost
    ? Effect.option(fs.readFileString(paths.corePattern))
    : Effect.succeed(Option.none<string>())

  return CoreSource.of({
    list: (query) => Effect.map(whenReady, () => index.list(query)),
    get: Effect.fn("SystemdCoreSource.get")(function*(ref) {
      yield* find(ref)
      const heavyFields = yield* readHeavyFields(ref)
      // Find it again: it may have changed while the journal was read.
      return fitMetadata(yield* find(ref), heavyFields)
    }),
    open: Effect.fn("SystemdCoreSource.open")(function*(ref) {
      yield* findStored(ref)
      return yield* openCore(paths, toRef(ref))
    }),
    remove: Effect.fn("SystemdCoreSource.remove")(function*(ref) {
      if (!allowDelete) return yield* new DeletionDisabled()
      yield* findStored(ref)
      yield* removeCore(paths, toRef(ref))
      cores.removeFile(ref.id)
    }),
    changes: (options) => Stream.unwrap(Effect.map(whenReady, () => index.changes(options))),
    nodes: Effect.gen(function*() {
      const sentences = yield* warnings
      const corePattern = yield* readCorePattern
      const status: NodeStatus = {
        name: node,
        state: Deferred.isDoneUnsafe(ready) ? "ready" : "syncing",
        since,
        lastContact: yield* currentTimestamp,
        cores: index.size,
        bytes: cores.bytes,
        ...(sentences.length === 0 ? {} : { warnings: sentences }),
        ...(Option.isNone(corePattern) ? {} : { corePattern: corePattern.value.trim() })
      }
      return [status]
    })
  })
})
