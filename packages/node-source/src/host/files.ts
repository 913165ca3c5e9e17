/** What goes wrong with files and directories, in words; which directory a path is, and what happens in it. */
import { Effect, FileSystem, Schema, Stream } from "effect"
import { stat } from "node:fs/promises"

/** A file or directory cannot be used; `message` says why. */
export class FileFailure extends Schema.TaggedError<FileFailure>()("FileFailure", { message: Schema.String }) {}

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error)

/** Why a file or directory cannot be used, in words. */
export const failureText = (error: unknown): string => {
  const code = codeOf(error)
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "no permission"
    case "ENOENT":
      return "it does not exist"
    case "ENOTDIR":
    case "EEXIST":
      return "it is not a directory"
    case "ELOOP":
      return "a link"
    case "ENOSPC":
    case "EDQUOT":
      return "no room"
    case "EROFS":
      return "read-only"
    default:
      return code
  }
}

/** What node:fs does, with its failures in words. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({ try: run, catch: (cause) => new FileFailure({ message: failureText(cause) }) })

/** Tells one directory from another that has come to its place: mounted over, or made anew. */
export const directoryIdentity = (path: string): Effect.Effect<string, FileFailure> =>
  attempt(() => stat(path, { bigint: true })).pipe(
    Effect.filterOrFail(
      (stats) => stats.isDirectory(),
      () => new FileFailure({ message: "it is not a directory" })
    ),
    // A directory that is made anew may have the inode number that the other had.
    Effect.map(({ birthtimeNs, dev, ino }) => `${dev}-${ino}-${birthtimeNs}`)
  )

const isWatchError = (defect: unknown): boolean =>
  defect instanceof Error && "syscall" in defect && defect.syscall === "watch"

const watchFailure = (why: string) => new FileFailure({ message: `it cannot be watched: ${why}` })

const watchErrorText = (error: unknown): string => {
  const code = codeOf(error)
  return code === "EMFILE" || code === "ENOSPC"
    ? `${code}, more inotify instances or watches than fs.inotify.max_user_instances and max_user_watches allow`
    : failureText(error)
}

/** Tells what happens in a directory, once `onReady` has been called. */
export const watchDirectory = (
  path: string,
  onReady: () => void,
  onEvent: (event: FileSystem.WatchEvent) => void
): Effect.Effect<void, FileFailure, FileSystem.FileSystem> =>
  FileSystem.FileSystem.use((fs) =>
    fs.watch(path, { onReady }).pipe(
      Stream.runForEach((event) => Effect.sync(() => onEvent(event))),
      Effect.mapError(({ message }) => watchFailure(message)),
      // Node throws where it cannot begin.
      Effect.catchDefect((defect) =>
        isWatchError(defect) ? Effect.fail(watchFailure(watchErrorText(defect))) : Effect.die(defect)
      )
    )
  )
