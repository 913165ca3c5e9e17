/** Where bytes of a download go. */
import { Effect, type Scope } from "effect"
import { lstat, open } from "node:fs/promises"
import { type DownloadError, FileExists } from "./DownloadError.ts"
import { onFile, onFileUnless } from "./files.ts"
import { makePart } from "./PartFile.ts"

/** A file of a download. */
export interface DownloadedFile {
  readonly path: string
  readonly size: number
  /** Whether it had been there already. */
  readonly existed: boolean
}

/** A file in the making, or one that is there and has to be the same. */
export interface Target {
  /** Bytes that are there already, from the start; it is fed those that follow. */
  readonly have: number
  /** Whether all bytes are there, so that none need be fed. */
  readonly complete: boolean
  /** The bytes from the start up to `have`. */
  readonly read: (position: number, length: number) => Effect.Effect<Uint8Array, DownloadError>
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => Effect.Effect<void, DownloadError>
  readonly finish: Effect.Effect<DownloadedFile, DownloadError>
  /** What is there is useless: the core has changed. */
  readonly discard: Effect.Effect<void>
}

/** What a target is to become. */
export interface TargetOptions {
  readonly path: string
  /** Pins the bytes: a part that was left by an earlier attempt goes on only with the same key. */
  readonly key: string
  /** Bytes of the whole, where known. */
  readonly size: number | undefined
  /** Seconds since 1970. */
  readonly modified: number
  /** Bytes of another file that has this very time: one of just that size proves nothing by it. */
  readonly otherSize?: number | undefined
}

/**
 * Looks at what is at `path`: nothing, then a part is begun or resumed; a file of the same size and time, then it is
 * taken as the same (as rsync does); a file of the same size alone, then it is compared byte by byte.
 */
export const makeTarget = (options: TargetOptions): Effect.Effect<Target, DownloadError, Scope.Scope> =>
  Effect.gen(function*() {
    const { modified, otherSize, path, size } = options
    const found = yield* onFileUnless(path, ["ENOENT"], () => lstat(path))
    if (found === undefined) return yield* makePart(options)
    if (!found.isFile() || (size !== undefined && size !== found.size)) return yield* new FileExists({ path })
    const same = Math.floor(found.mtimeMs / 1000) === modified && found.size !== otherSize
    return yield* makeExisting(path, found.size, same)
  })

const makeExisting = Effect.fnUntraced(function*(path: string, size: number, same: boolean) {
  const handle = yield* Effect.acquireRelease(
    onFile(path, () => open(path, "r")),
    (handle) => Effect.promise(() => handle.close())
  )
  let compared = 0

  const read = (position: number, length: number) =>
    onFile(path, async () => {
      const into = Buffer.allocUnsafe(length)
      let got = 0
      while (got < length) {
        const { bytesRead } = await handle.read(into, got, length - got, position + got)
        if (bytesRead === 0) break
        got += bytesRead
      }
      return into.subarray(0, got)
    })

  return {
    have: same ? size : 0,
    complete: same,
    read,
    write: Effect.fnUntraced(function*(chunks: ReadonlyArray<Uint8Array>) {
      for (const chunk of chunks) {
        const here = yield* read(compared, chunk.length)
        if (Buffer.compare(here, chunk) !== 0) return yield* new FileExists({ path })
        compared += chunk.length
      }
    }),
    finish: Effect.suspend(() =>
      same || compared === size
        ? Effect.succeed({ path, size, existed: true })
        : Effect.fail(new FileExists({ path }))
    ),
    discard: Effect.void
  } satisfies Target
})
