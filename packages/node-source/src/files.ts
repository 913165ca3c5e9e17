/** What goes wrong with files and directories, in words; and which directory a path is. */
import { Effect, Schema } from "effect"
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
