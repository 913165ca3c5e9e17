/** Deletes the file of a core. */
import { CoreNotStored, type CoreRef, DeletionDisabled, InternalError, type Problem } from "@koredump/core"
import { Effect } from "effect"
import { lstatSync } from "node:fs"
import { unlink } from "node:fs/promises"
import { failureText } from "./files.ts"
import type { HostPaths } from "./HostPaths.ts"

/** Deletes the file of a core; never what a link points to, and nothing outside the directory. */
export const removeCore = (paths: HostPaths, ref: CoreRef): Effect.Effect<void, Problem> =>
  Effect.tryPromise({
    try: async () => {
      const path = paths.core(ref.id)
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new NotAFile()
      await unlink(path)
    },
    catch: (error) => {
      if (error instanceof NotAFile) return new CoreNotStored({ ...ref, detail: "The file is gone." })
      if (!(error instanceof Error && "code" in error)) return new InternalError({})
      switch (error.code) {
        case "ENOENT":
          return new CoreNotStored({ ...ref, detail: "The file is gone." })
        case "EROFS":
        case "EACCES":
        case "EPERM":
          return new DeletionDisabled({ detail: `The file cannot be deleted: ${failureText(error)}.` })
        default:
          return new InternalError({ detail: `The file cannot be deleted: ${failureText(error)}.` })
      }
    }
  })

class NotAFile extends Error {}
