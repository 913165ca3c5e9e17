import { Cause, Deferred, Effect, FileSystem, Metric } from "effect"
import { machine } from "node:os"
import type { HostPaths } from "../host/HostPaths.ts"
import type { HostWarnings } from "../host/HostWarnings.ts"
import { InvalidFileLog } from "../host/InvalidFileLog.ts"
import { type DirectoryListener, scanCoreDirectory, watchCoreDirectory } from "../host/watchCoreDirectory.ts"
import type { AwaitedEntries } from "../journal/AwaitedEntries.ts"
import { parseCoredumpUid } from "../journal/journalTrust.ts"
import { readJournal } from "../journal/readJournal.ts"
import type { HostCores } from "./HostCores.ts"
import type { PodTracker } from "./PodTracker.ts"

/** Options of {@link followHost}. */
interface FollowHostOptions {
  readonly paths: HostPaths
  readonly cores: HostCores
  readonly pods: PodTracker | undefined
  readonly awaited: AwaitedEntries
  readonly warnings: HostWarnings
  /** Reading starts when this effect completes. */
  readonly begin: Effect.Effect<void>
  /** Runs a log effect without waiting for it. */
  readonly run: (log: Effect.Effect<void>) => void
}

const invalidFiles = Metric.counter("koredump_odd_files_total", {
  description: "Invalid files in the coredump directory",
  incremental: true
})

/**
 * Reads journal and coredump directory for as long as the scope is open, and passes everything on to `cores`.
 *
 * Returns a `Deferred` that completes when the directory has been scanned and the journal has been read, or found not
 * readable.
 */
export const followHost = Effect.fnUntraced(function*(options: FollowHostOptions) {
  const { awaited, begin, cores, paths, pods, run, warnings } = options
  const fs = yield* FileSystem.FileSystem
  const journalRead = yield* Deferred.make<void>()
  const ready = yield* Deferred.make<void>()

  const passwd = yield* Effect.orElseSucceed(fs.readFileString(paths.passwd), () => "")
  const journal = readJournal({
    host: { coredumpUid: parseCoredumpUid(passwd), machine: paths.isThisHost ? machine() : undefined },
    awaited,
    listener: {
      ...warnings.journal,
      onEntry: (entry) => {
        cores.putEntry(entry)
        pods?.onEntry(entry)
      },
      onInitialRead: () => Deferred.doneUnsafe(journalRead, Effect.void)
    }
  })

  const invalidFileLog = new InvalidFileLog({
    onInvalid: (file, reason) =>
      Metric.update(invalidFiles, 1).pipe(
        Effect.andThen(Effect.logWarning("Invalid file in the coredump directory")),
        Effect.annotateLogs({ file, reason })
      ),
    onLimit: Metric.update(invalidFiles, 1).pipe(
      Effect.andThen(Effect.logWarning("Too many invalid files in the coredump directory: logging stopped"))
    ),
    run
  })

  // Files that exist at startup are not awaited: the journal has been read by then, and their entry may be lost.
  const awaitEntry = (id: string) => {
    const isNew = Deferred.isDoneUnsafe(ready) && !cores.hasEntry(id) && cores.file(id) === undefined
    if (isNew) awaited.add(id, performance.now())
  }

  const removeFile = (name: string) => {
    cores.removeFile(name)
    warnings.setUnreadableCore(cores.unreadable)
    awaited.delete(name)
  }

  const listener: DirectoryListener = {
    ...warnings.directory,
    onFile: (file) => {
      awaitEntry(file.id)
      cores.putFile(file)
      warnings.setUnreadableCore(cores.unreadable)
    },
    onRemoved: (name) => {
      removeFile(name)
      invalidFileLog.forget(name)
    },
    onInvalidFile: (name, reason) => {
      removeFile(name)
      invalidFileLog.report(name, reason)
    },
    onScanned: () => {
      cores.publish()
      Deferred.doneUnsafe(ready, Effect.void)
    }
  }
  const directory = watchCoreDirectory({ paths, known: cores, listener })

  // While the journal is read, the index must know which cores have files: the others are dropped first. Failures are
  // reported by the watch.
  const findFiles = Effect.ignore(scanCoreDirectory({
    paths,
    known: { file: (id) => cores.file(id), fileNames: () => cores.fileNames(), needsXattrs: () => false },
    listener: { ...listener, onScanned: () => {} }
  }))

  // A reader never ends. If it stops with an internal error, the source still serves the known cores, with a warning.
  const forkReader = <E, R>(
    part: "journal" | "directory",
    done: Deferred.Deferred<void>,
    reader: Effect.Effect<never, E, R>
  ) =>
    reader.pipe(
      Effect.tapCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.void
        Deferred.doneUnsafe(done, Effect.void)
        return warnings.logStopped(part, cause)
      }),
      Effect.forkScoped
    )

  yield* forkReader("journal", journalRead, begin.pipe(Effect.andThen(findFiles), Effect.andThen(journal)))
  yield* forkReader("directory", ready, Effect.andThen(Deferred.await(journalRead), directory))
  return ready
})
