/** A core to a file: atomic, resumable, and the very bytes. */
import { decompress } from "@koredump/compression"
import { type CoreFile, type CoreRef, CoreSource, CoreUnreadable, isTransient, type Problem } from "@koredump/core"
import { Effect, Option, Schedule, Stream } from "effect"
import { createHash } from "node:crypto"
import type { DownloadError } from "./DownloadError.ts"
import { type DownloadedFile, makeTarget, type Target } from "./Target.ts"

/** How far a download is, in bytes of the stored file. */
export interface DownloadProgress {
  /** There so far, those of an earlier attempt included. */
  readonly received: number
  readonly total: number
  /** What an earlier attempt had left. */
  readonly resumedFrom: number
}

/** Where the files go: the stored file, the core decompressed while it comes, or both from one download. */
export type DownloadPaths =
  | { readonly path: string; readonly decompressedPath?: string | undefined }
  | { readonly path?: undefined; readonly decompressedPath: string }

/** What to download. */
export type DownloadOptions = DownloadPaths & {
  readonly ref: CoreRef
  /** Whether to compute the SHA-256 of the stored file. */
  readonly sha256?: boolean | undefined
  /** Called at most ten times a second, and at the end. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** What was downloaded. */
export interface Downloaded {
  /** The stored file, where one was asked for. */
  readonly stored?: DownloadedFile
  /** The core itself, where it was asked for. */
  readonly decompressed?: DownloadedFile
  readonly etag: string
  readonly resumedFrom: number
  /** SHA-256 of the stored file in hex, where it was asked for. */
  readonly sha256?: string
}

const progressMillis = 100
const readBytes = 1024 * 1024

// Attempts without a single byte, one after the other.
const reconnect = Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 6 })
)

/** The stored bytes from `from` on; goes on where the connection broke. */
const resumingBytes = (file: CoreFile, from: number): Stream.Stream<Uint8Array, Problem> =>
  Stream.suspend(() => {
    let position = from
    return Stream.suspend(() => position < file.size ? file.bytes({ start: position, end: file.size }) : Stream.empty)
      .pipe(
        Stream.mapArray((chunks) => {
          for (const chunk of chunks) position += chunk.length
          return chunks
        }),
        Stream.retry(($) => $(reconnect).pipe(Schedule.while(({ input }) => isTransient(input))))
      )
  })

/** The bytes that are there already. */
const leftBytes = (target: Target): Stream.Stream<Uint8Array, DownloadError> =>
  Stream.paginate(0, (position) =>
    position >= target.have
      ? Effect.succeed([[], Option.none()])
      : Effect.map(target.read(position, Math.min(readBytes, target.have - position)), (chunk) => [
        [chunk],
        // A part that has become shorter meanwhile ends early; the count of what was written tells.
        chunk.length === 0 ? Option.none() : Option.some(position + chunk.length)
      ]))

/** A target that takes nothing. */
const nowhere: Target = {
  have: 0,
  complete: true,
  read: () => Effect.succeed(new Uint8Array()),
  write: () => Effect.void,
  finish: Effect.never,
  discard: Effect.void
}

const attempt = Effect.fnUntraced(function*(source: CoreSource["Service"], options: DownloadOptions) {
  const { decompressedPath, onProgress, path, ref } = options
  const file = yield* source.open(ref)
  const key = createHash("sha256").update(`${ref.node}/${ref.id}/${file.etag}`).digest("hex").slice(0, 16)
  const modified = Math.floor(file.lastModified / 1000)
  const wantsStored = path !== undefined
  const wantsCore = decompressedPath !== undefined && decompressedPath !== path
  const stored = wantsStored ? yield* makeTarget({ path, key, modified, size: file.size }) : nowhere
  const core = wantsCore
    ? yield* makeTarget({ path: decompressedPath, key, modified, size: undefined, otherSize: file.size })
    : nowhere
  const hash = options.sha256 === true ? createHash("sha256") : undefined

  const resumedFrom = stored.have
  let received = stored.have
  let told = Number.NEGATIVE_INFINITY
  const tell = () => onProgress?.({ received, total: file.size, resumedFrom })

  const take = (chunks: readonly [Uint8Array, ...Array<Uint8Array>]) => {
    for (const chunk of chunks) {
      received += chunk.length
      hash?.update(chunk)
    }
    const now = performance.now()
    if (onProgress !== undefined && now - told >= progressMillis) {
      told = now
      tell()
    }
    return Effect.as(stored.write(chunks), chunks)
  }

  // What is there already is read again only for those who need it.
  const left = core.complete && hash === undefined
    ? Stream.empty
    : Stream.map(leftBytes(stored), (chunk) => (hash?.update(chunk), chunk))
  const rest = Stream.suspend(() => Stream.mapArrayEffect(resumingBytes(file, received), take)).pipe(
    Stream.tapError((error) => error._tag === "PreconditionFailed" ? stored.discard : Effect.void)
  )
  const all = stored.complete && core.complete && hash === undefined ? Stream.empty : Stream.concat(left, rest)

  const corrupt = core.complete ? yield* Effect.as(Stream.runDrain(all), undefined) : yield* all.pipe(
    decompress(file.compression),
    Stream.runForEachArray(core.write),
    Effect.as(undefined),
    // The stored file is what it is: it is still fetched to its end, where it is wanted.
    Effect.catchTag("CorruptInput", (error) => Effect.as(wantsStored ? Stream.runDrain(rest) : Effect.void, error))
  )
  tell()
  const storedFile = wantsStored ? yield* stored.finish : undefined
  const why = decompressedPath === path && file.size === 0 ? "the file is empty" : corrupt?.message
  if (why !== undefined) {
    return yield* new CoreUnreadable({
      id: ref.id,
      node: ref.node,
      detail: `The core cannot be decompressed: ${why}.`
    })
  }
  const coreFile = wantsCore ? yield* core.finish : undefined
  return {
    ...(storedFile === undefined ? {} : { stored: storedFile }),
    ...(coreFile === undefined ? {} : { decompressed: coreFile }),
    etag: file.etag,
    resumedFrom,
    ...(hash === undefined ? {} : { sha256: hash.digest("hex") })
  } satisfies Downloaded
})

/**
 * Downloads a core to files of mode 0600, in constant memory.
 *
 * - Bytes gather in `<path>.<16 hex digits>.part`, which gets its name when it is whole. The digits pin the very bytes
 *   (from the ETag): a later call goes on with a part of the same core, never with that of another.
 * - Where the connection breaks, it goes on by itself; after seven attempts without a byte it fails and leaves the part.
 *   Where the core changes meanwhile, it begins anew.
 * - A file that is at `path` already is never overwritten. With the stored file's size and time of last change (which
 *   downloads get) it is taken as done; with the same size only, it is compared with the download byte by byte; else
 *   `FileExists`. A decompressed file that is there is judged by its time, or compared.
 * - With both paths one download fills both; where they are the same (a core that is stored as it is), it is one file. With `decompressedPath` alone nothing else is written, and a later call
 *   begins anew. A core that cannot be decompressed fails with `CoreUnreadable`; the stored file is kept.
 */
export const downloadCore = (
  options: DownloadOptions
): Effect.Effect<Downloaded, Problem | DownloadError, CoreSource> =>
  CoreSource.use((source) => Effect.scoped(attempt(source, options))).pipe(
    Effect.retry({ while: (error) => error._tag === "PreconditionFailed", times: 2 }),
    Effect.withSpan("downloadCore")
  )
