import { Effect, Exit } from "effect"
import { constants } from "node:fs"
import { open, readdir, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { type DownloadError, FileFailed } from "./DownloadError.ts"
import type { DownloadTarget, DownloadTargetOptions } from "./DownloadTarget.ts"
import { notRegularCodes, openRegularFile, publishFile, tryFile, tryFileUnless } from "./files.ts"
import { FileWriter } from "./FileWriter.ts"

/**
 * Opens the part of an earlier attempt. Returns `undefined` if there is none, or if other users could have planted it:
 * a symbolic link, a hard link, a pipe, or a file of another owner.
 */
const reopenPart = (part: string, maxSize: number) =>
  tryFileUnless(part, ["ENOENT", ...notRegularCodes], async () => {
    const handle = await openRegularFile(part, constants.O_RDWR)
    if (handle === undefined) return undefined
    const stat = await handle.stat()
    const isOwn = stat.uid === process.getuid?.() && stat.nlink === 1
    if (isOwn && stat.size <= maxSize) return { handle, resumedFrom: stat.size }
    await handle.close()
    return undefined
  })

/** Removes all parts of `path`: none of them can be resumed. */
const removeParts = async (path: string): Promise<void> => {
  const prefix = `${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(prefix) && /^[0-9a-f]{16}\.part$/.test(name.slice(prefix.length))) {
      await unlink(join(dirname(path), name))
    }
  }
}

const createPart = (path: string, part: string) =>
  tryFile(path, async () => {
    await removeParts(path)
    const handle = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    // The umask may have removed even the owner's permissions.
    await handle.chmod(0o600)
    return { handle, resumedFrom: 0 }
  })

const writeChunks = async (
  writer: FileWriter,
  pending: Promise<void>,
  chunks: ReadonlyArray<Uint8Array>
): Promise<void> => {
  await pending
  for (const chunk of chunks) await writer.write(chunk)
}

/**
 * A new file: written as `<path>.<key>.part` with mode 0600, and renamed to `path` when it is complete. If the size is
 * known, the part of an earlier attempt with the same key is resumed, and a part that is not complete when the scope
 * closes stays for the next attempt.
 */
export const makePartFile = Effect.fnUntraced(function*({ key, modified, path, size }: DownloadTargetOptions) {
  const part = `${path}.${key}.part`
  let keep = size !== undefined

  const { handle, resumedFrom, writer } = yield* Effect.acquireRelease(
    Effect.gen(function*() {
      const reopened = size === undefined ? undefined : yield* reopenPart(part, size)
      const { handle, resumedFrom } = reopened ?? (yield* createPart(path, part))
      return { handle, resumedFrom, writer: new FileWriter(handle, resumedFrom) }
    }),
    ({ handle, writer }, exit) =>
      Effect.promise(async () => {
        if (Exit.isFailure(exit)) await writer.flush().catch(() => {})
        keep &&= writer.end > 0
        await handle.close()
        if (!keep) await unlink(part).catch(() => {})
      })
  )

  return {
    resumedFrom,
    isComplete: false,
    read: (position: number, length: number) =>
      tryFile(part, async () => {
        const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, position)
        return buffer.subarray(0, bytesRead)
      }),
    write: (chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, DownloadError> =>
      Effect.suspend(() => {
        for (let i = 0; i < chunks.length; i++) {
          const pending = writer.write(chunks[i]!)
          if (pending !== undefined) return tryFile(part, () => writeChunks(writer, pending, chunks.slice(i + 1)))
        }
        return Effect.void
      }),
    finish: Effect.gen(function*() {
      yield* tryFile(part, async () => {
        await writer.flush()
        await handle.sync()
        await handle.utimes(modified, modified)
      })
      if (size !== undefined && writer.end !== size) return yield* new FileFailed({ path: part, code: "EIO" })
      yield* publishFile(part, path)
      keep = true
      return { path, size: writer.end, existed: false }
    }),
    discard: Effect.sync(() => keep = false)
  } satisfies DownloadTarget
})
