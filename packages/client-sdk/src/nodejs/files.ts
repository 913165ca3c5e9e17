/** File system calls as effects. */
import { errorCode } from "@koredump/core"
import { Effect } from "effect"
import { constants } from "node:fs"
import { type FileHandle, link, lstat, open, rename, unlink } from "node:fs/promises"
import { type DownloadError, FileExists, FileFailed } from "./DownloadError.ts"

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

/** The error codes of {@link openRegularFile} for something else than a file: a symbolic link, a socket, a device. */
export const notRegularCodes: ReadonlyArray<string> = ["ELOOP", "ENXIO", "ENODEV"]

/**
 * Opens an existing file. Follows no symbolic link, and never waits for the writer of a pipe. Returns `undefined` if it is
 * not a regular file.
 */
export const openRegularFile = async (path: string, flags: number): Promise<FileHandle | undefined> => {
  const handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  return undefined
}

const noHardLinkCodes: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

/** Renames `part` to `path`, where it has created an empty file, so that no other file can appear there. */
const replacePlaceholder = async (part: string, path: string): Promise<boolean> => {
  await (await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)).close()
  const stat = await lstat(path)
  if (!stat.isFile() || stat.size > 0) return false
  try {
    await rename(part, path)
  } catch (error) {
    await unlink(path)
    throw error
  }
  return true
}

/** Renames `part` to `path`. Fails if there is a file by now: it is never replaced. */
export const publishFile = (part: string, path: string): Effect.Effect<void, DownloadError> =>
  // `link` fails if the file exists, `rename` would replace it.
  tryFile(path, () => link(part, path).then(() => unlink(part)).then(() => true)).pipe(
    Effect.catchIf(
      ({ code }) => noHardLinkCodes.has(code),
      () => tryFile(path, () => replacePlaceholder(part, path))
    ),
    Effect.catchIf(({ code }) => code === "EEXIST", () => Effect.succeed(false)),
    Effect.flatMap((isPublished) => isPublished ? Effect.void : Effect.fail(new FileExists({ path })))
  )
