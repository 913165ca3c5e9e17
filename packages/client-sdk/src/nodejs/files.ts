/** The system's calls as effects, with errors that name the file. */
import { Effect } from "effect"
import { FileFailed } from "./DownloadError.ts"

const codeOf = (error: unknown): string => {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : String(error)
}

/** Runs a call of the system on `path`. */
export const onFile = <A>(path: string, call: () => Promise<A>): Effect.Effect<A, FileFailed> =>
  Effect.tryPromise({ try: call, catch: (error) => new FileFailed({ path, code: codeOf(error) }) })

/** As {@link onFile}; these codes are an answer, not a failure. */
export const onFileUnless = <A>(
  path: string,
  codes: ReadonlyArray<string>,
  call: () => Promise<A>
): Effect.Effect<A | undefined, FileFailed> =>
  onFile(path, call).pipe(
    Effect.catchIf((error) => codes.includes(error.code), () => Effect.as(Effect.void, undefined))
  )
