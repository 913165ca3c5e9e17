import { Effect } from "effect"
import { constants } from "node:fs"
import { lstat, open, rename, unlink } from "node:fs/promises"
import { type DownloadError, FileExists } from "./DownloadError.ts"
import type { DownloadedFile } from "./DownloadTarget.ts"
import { notRegularCodes, openRegularFile, publishFile, tryFile, tryFileUnless } from "./files.ts"

/** A larger file is another one. */
const maxExistingBytes = 64 * 1024 * 1024

/** Reads an existing file. Returns `undefined` if there is none. Fails with `FileExists` if it is something else than a file. */
const readExisting = Effect.fnUntraced(
  function*(path: string): Effect.fn.Return<string | undefined, DownloadError> {
    const stat = yield* tryFileUnless(path, ["ENOENT"], () => lstat(path))
    if (stat === undefined) return undefined
    if (!stat.isFile() || stat.size > maxExistingBytes) return yield* new FileExists({ path })
    const text = yield* tryFileUnless(path, notRegularCodes, async () => {
      const handle = await openRegularFile(path, constants.O_RDONLY)
      try {
        return await handle?.readFile("utf8")
      } finally {
        await handle?.close()
      }
    })
    // It was replaced since it was checked.
    return text === undefined ? yield* new FileExists({ path }) : text
  }
)

/** What to write. */
export interface TextFile {
  readonly path: string
  readonly text: string
  /** Whether an existing file with this text can be replaced. */
  readonly canReplace: (existing: string) => boolean
}

/**
 * Writes a text file of mode 0600, which is either complete or absent. Fails with `FileExists` if there is something else
 * that `canReplace` does not accept: a file, a link, a pipe or a directory.
 */
export const writeTextFile = Effect.fnUntraced(
  function*({ canReplace, path, text }: TextFile): Effect.fn.Return<DownloadedFile, DownloadError> {
    const existing = yield* readExisting(path)
    if (existing !== undefined && !canReplace(existing)) return yield* new FileExists({ path })
    const part = `${path}.part`
    yield* tryFileUnless(path, ["ENOENT"], () => unlink(part))
    yield* tryFile(path, async () => {
      const handle = await open(part, "wx", 0o600)
      try {
        await handle.writeFile(text)
        await handle.chmod(0o600)
      } finally {
        await handle.close()
      }
    }).pipe(
      Effect.andThen(existing === undefined ? publishFile(part, path) : tryFile(path, () => rename(part, path))),
      Effect.onError(() => Effect.promise(() => unlink(part).catch(() => {})))
    )
    return { path, size: Buffer.byteLength(text), existed: false }
  }
)
