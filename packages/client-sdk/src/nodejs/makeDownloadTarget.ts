import { Effect, type Scope } from "effect"
import { constants } from "node:fs"
import { lstat } from "node:fs/promises"
import { type DownloadError, FileExists } from "./DownloadError.ts"
import type { DownloadTarget, DownloadTargetOptions } from "./DownloadTarget.ts"
import { notRegularCodes, openRegularFile, tryFile, tryFileUnless } from "./files.ts"
import { makePartFile } from "./makePartFile.ts"

/**
 * Makes the target for `options.path`:
 *
 * - if the path does not exist, a part file, which resumes an earlier attempt
 * - if there is a file of the same size and modification time, that file: it counts as the same, as in rsync
 * - if there is a file of the same size only, that file: the download is compared with it
 * - otherwise it fails with `FileExists`
 */
export const makeDownloadTarget = (
  options: DownloadTargetOptions
): Effect.Effect<DownloadTarget, DownloadError, Scope.Scope> =>
  Effect.gen(function*() {
    const { modified, otherSize, path, size } = options
    const stat = yield* tryFileUnless(path, ["ENOENT"], () => lstat(path))
    if (stat === undefined) return yield* makePartFile(options)
    // Not opened: that would change the state of some devices.
    if (!stat.isFile() || (size !== undefined && size !== stat.size)) return yield* new FileExists({ path })
    const isSame = Math.floor(stat.mtimeMs / 1000) === modified && stat.size !== otherSize
    return yield* makeExistingFile(path, stat.size, isSame)
  })

/** An existing file that is compared with the download, unless `isSame`. */
const makeExistingFile = Effect.fnUntraced(function*(path: string, size: number, isSame: boolean) {
  const handle = yield* Effect.acquireRelease(
    tryFileUnless(path, notRegularCodes, () => openRegularFile(path, constants.O_RDONLY)),
    (handle) => Effect.promise(async () => handle?.close())
  )
  // It was replaced since it was checked.
  if (handle === undefined) return yield* new FileExists({ path })
  let compared = 0

  const read = (position: number, length: number) =>
    tryFile(path, async () => {
      const buffer = Buffer.allocUnsafe(length)
      let total = 0
      while (total < length) {
        const { bytesRead } = await handle.read(buffer, total, length - total, position + total)
        if (bytesRead === 0) break
        total += bytesRead
      }
      return buffer.subarray(0, total)
    })

  return {
    resumedFrom: isSame ? size : 0,
    isComplete: isSame,
    read,
    write: Effect.fnUntraced(function*(chunks: ReadonlyArray<Uint8Array>) {
      for (const chunk of chunks) {
        const existing = yield* read(compared, chunk.length)
        if (Buffer.compare(existing, chunk) !== 0) return yield* new FileExists({ path })
        compared += chunk.length
      }
    }),
    finish: Effect.suspend(() =>
      isSame || compared === size
        ? Effect.succeed({ path, size, existed: true })
        : Effect.fail(new FileExists({ path }))
    ),
    discard: Effect.void
  } satisfies DownloadTarget
})
