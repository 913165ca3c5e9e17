import { CoreNotStored, type CoreRef, DeletionDisabled, errorCode, InternalError, type Problem } from "@koredump/core"
import { Effect } from "effect"
import { lstatSync } from "node:fs"
import { unlink } from "node:fs/promises"
import { goneReason, toErrorReason } from "./files.ts"
import type { HostPaths } from "./HostPaths.ts"

class NotAFile extends Error {}

/** Deletes a core file. Never deletes the target of a symbolic link, or anything outside of the coredump directory. */
export const removeCore = (paths: HostPaths, ref: CoreRef): Effect.Effect<void, Problem> =>
  Effect.tryPromise({
    try: async () => {
      const path = paths.core(ref.id)
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw new NotAFile()
      await unlink(path)
    },
    catch: (error) => {
      const code = errorCode(error)
      const detail = `The core file cannot be deleted: ${toErrorReason(error)}.`
      if (error instanceof NotAFile || code === "ENOENT") {
        return new CoreNotStored({ ...ref, detail: goneReason })
      }
      if (code === undefined) return new InternalError({})
      return ["EROFS", "EACCES", "EPERM"].includes(code)
        ? new DeletionDisabled({ detail })
        : new InternalError({ detail })
    }
  })
