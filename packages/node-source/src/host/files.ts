/** Files and directories of the host: errors as text, directory identity, directory watch. */
import { errorCode, fileErrorText } from "@koredump/core"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { stat } from "node:fs/promises"

/** A file or directory cannot be used. `message` is the reason, for example `permission denied`. */
export class FileFailure extends Schema.TaggedError<FileFailure>()("FileFailure", { message: Schema.String }) {}

/** The reason of a failed file system call, for example `permission denied`. */
export const toErrorReason = (error: unknown): string => {
  const code = errorCode(error)
  if (code === undefined) return String(error)
  // mkdir reports EEXIST if something else than a directory has the name.
  return fileErrorText(code === "EEXIST" ? "ENOTDIR" : code)
}

/** Why a core has no core file: its file is known, for example from the journal, but no longer exists. */
export const goneReason = "The core file is gone (deleted or vacuumed)."

/** Runs an asynchronous file system call. */
export const tryFile = <A>(run: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({ try: run, catch: (error) => new FileFailure({ message: toErrorReason(error) }) })

/** A text that changes if another directory takes the place of this one: mounted over it, or created again. */
export const identifyDirectory = (path: string): Effect.Effect<string, FileFailure> =>
  tryFile(() => stat(path, { bigint: true })).pipe(
    Effect.filterOrFail(
      (stats) => stats.isDirectory(),
      () => new FileFailure({ message: fileErrorText("ENOTDIR") })
    ),
    // A directory that is created again may get the same inode number.
    Effect.map(({ birthtimeNs, dev, ino }) => `${dev}-${ino}-${birthtimeNs}`)
  )

const isWatchError = (defect: unknown): boolean =>
  defect instanceof Error && "syscall" in defect && defect.syscall === "watch"

const watchErrorReason = (error: unknown): string => {
  const code = errorCode(error)
  return code === "EMFILE" || code === "ENOSPC"
    ? `inotify limit reached (${code}), polling instead. ` +
      "Raise fs.inotify.max_user_instances or fs.inotify.max_user_watches on the host"
    : toErrorReason(error)
}

/** Calls `onEvent` for each change in a directory. `onReady` is called when the watch has started. */
export const watchDirectory = (
  path: string,
  onReady: () => void,
  onEvent: (event: FileSystem.WatchEvent) => void
): Effect.Effect<void, FileFailure, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) =>
    fs.watch(path, { onReady }).pipe(
      Stream.runForEach((event) => Effect.sync(() => onEvent(event))),
      Effect.mapError(({ message }) => new FileFailure({ message })),
      // Node.js throws if the watch cannot start.
      Effect.catchDefect((defect) =>
        isWatchError(defect) ? Effect.fail(new FileFailure({ message: watchErrorReason(defect) })) : Effect.die(defect)
      )
    )
  )
