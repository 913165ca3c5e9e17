/** File system calls as effects. */
import { errorCode } from "@koredump/core"
import { Effect } from "effect"
import { FileFailed } from "./DownloadError.ts"

/** Runs a file system call. `path` is for the error. */
export const tryFile = <A>(path: string, call: () => Promise<A>): Effect.Effect<A, FileFailed> =>
  Effect.tryPromise({
    try: call,
    catch: (error) => new FileFailed({ path, code: errorCode(error) ?? String(error) })
  })

/** Runs a file system call. Returns `undefined` if it fails with one of the error codes. */
export const tryFileUnless = <A>(
  path: string,
  codes: ReadonlyArray<string>,
  call: () => Promise<A>
): Effect.Effect<A | undefined, FileFailed> =>
  tryFile(path, call).pipe(
    Effect.catchIf((error) => codes.includes(error.code), () => Effect.as(Effect.void, undefined))
  )
