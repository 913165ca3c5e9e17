import { decompress } from "@koredump/compression"
import {
  type CoreFile,
  type CoreRef,
  CoreSource,
  CoreUnreadable,
  exponentialBackoff,
  isTransient,
  type Problem
} from "@koredump/core"
import { Effect, Option, Schedule, Stream } from "effect"
import { createHash } from "node:crypto"
import type { DownloadError } from "./DownloadError.ts"
import type { DownloadedFile, DownloadTarget } from "./DownloadTarget.ts"
import { makeDownloadTarget } from "./makeDownloadTarget.ts"

/** Progress of a download, in bytes of the stored file. */
export interface DownloadProgress {
  /** Bytes received so far, including those of an earlier attempt. */
  readonly received: number
  readonly total: number
  /** Bytes of an earlier attempt. */
  readonly resumedFrom: number
}

/** Where the files go: the stored file, the core (decompressed during the download), or both from one download. */
export type DownloadPaths =
  | { readonly path: string; readonly decompressedPath?: string | undefined }
  | { readonly path?: undefined; readonly decompressedPath: string }

/** What to download. */
export type DownloadOptions = DownloadPaths & {
  readonly ref: CoreRef
  /** Whether to compute the SHA-256 of the stored file. Default: `false` */
  readonly sha256?: boolean | undefined
  /** Called at most ten times a second, and at the end. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
}

/** The result of a download. */
export interface DownloadResult {
  /** The stored file, if `path` was given. */
  readonly stored?: DownloadedFile
  /** The decompressed core, if `decompressedPath` was given. */
  readonly decompressed?: DownloadedFile
  readonly etag: string
  /** Bytes of an earlier attempt. */
  readonly resumedFrom: number
  /** SHA-256 of the stored file in hex, if `sha256` was set. */
  readonly sha256?: string
}

const progressMillis = 100
const readBytes = 1024 * 1024

// The limit is for reconnects in a row without a single byte: every byte starts the schedule again.
const reconnectSchedule = exponentialBackoff("500 millis", "10 seconds").pipe(Schedule.upTo({ times: 6 }))

/** The stored bytes from `start` on. Reconnects and continues if the connection breaks. */
const resumingBytes = (file: CoreFile, start: number): Stream.Stream<Uint8Array, Problem> =>
  Stream.suspend(() => {
    let position = start
    return Stream.suspend(() => position < file.size ? file.bytes({ start: position, end: file.size }) : Stream.empty)
      .pipe(
        Stream.mapArray((chunks) => {
          for (const chunk of chunks) position += chunk.length
          return chunks
        }),
        Stream.retry(($) => $(reconnectSchedule).pipe(Schedule.while(({ input }) => isTransient(input))))
      )
  })

/** The bytes that an earlier attempt wrote. */
const existingBytes = (target: DownloadTarget): Stream.Stream<Uint8Array, DownloadError> =>
  Stream.paginate(0, (position) =>
    position >= target.resumedFrom
      ? Effect.succeed([[], Option.none()])
      : Effect.map(target.read(position, Math.min(readBytes, target.resumedFrom - position)), (chunk) => [
        [chunk],
        // If another process has truncated the part, this ends early. The decompressor or the hash detects that.
        chunk.length === 0 ? Option.none() : Option.some(position + chunk.length)
      ]))

/** The target of a file that is not requested. */
const noTarget: DownloadTarget = {
  resumedFrom: 0,
  isComplete: true,
  read: () => Effect.succeed(new Uint8Array()),
  write: () => Effect.void,
  finish: Effect.never,
  discard: Effect.void
}

/** Counts received bytes and reports them at most ten times a second. */
const makeProgressReporter = ({ onProgress }: DownloadOptions, total: number, resumedFrom: number) => {
  let received = resumedFrom
  let lastReport = Number.NEGATIVE_INFINITY
  const report = () => onProgress?.({ received, total, resumedFrom })
  return {
    received: () => received,
    report,
    add: (bytes: number) => {
      received += bytes
      if (onProgress === undefined || performance.now() - lastReport < progressMillis) return
      lastReport = performance.now()
      report()
    }
  }
}

const downloadOnce = Effect.fnUntraced(function*(source: CoreSource["Service"], options: DownloadOptions) {
  const { decompressedPath, path, ref } = options
  const file = yield* source.open(ref)
  const key = createHash("sha256").update(`${ref.node}/${ref.id}/${file.etag}`).digest("hex").slice(0, 16)
  const modified = Math.floor(file.lastModified / 1000)
  const writesStored = path !== undefined
  const writesCore = decompressedPath !== undefined && decompressedPath !== path
  const stored = writesStored ? yield* makeDownloadTarget({ path, key, modified, size: file.size }) : noTarget
  const core = writesCore
    ? yield* makeDownloadTarget({ path: decompressedPath, key, modified, size: undefined, otherSize: file.size })
    : noTarget
  const hash = options.sha256 === true ? createHash("sha256") : undefined
  const { resumedFrom } = stored
  const progress = makeProgressReporter(options, file.size, resumedFrom)

  const writeStored = (chunks: readonly [Uint8Array, ...Array<Uint8Array>]) => {
    let bytes = 0
    for (const chunk of chunks) {
      bytes += chunk.length
      hash?.update(chunk)
    }
    progress.add(bytes)
    return Effect.as(stored.write(chunks), chunks)
  }

  // The existing bytes are read again only if the decompressor or the hash needs them.
  const existing = core.isComplete && hash === undefined
    ? Stream.empty
    : Stream.map(existingBytes(stored), (chunk) => (hash?.update(chunk), chunk))
  const remaining = Stream.suspend(() => Stream.mapArrayEffect(resumingBytes(file, progress.received()), writeStored))
    .pipe(Stream.tapError((error) => error._tag === "PreconditionFailed" ? stored.discard : Effect.void))
  const all = stored.isComplete && core.isComplete && hash === undefined
    ? Stream.empty
    : Stream.concat(existing, remaining)

  const corrupt = core.isComplete ? yield* Effect.as(Stream.runDrain(all), undefined) : yield* all.pipe(
    decompress(file.compression),
    Stream.runForEachArray(core.write),
    Effect.as(undefined),
    // A corrupt file is stored as it is on the server: download the rest of it, if it was requested.
    Effect.catchTag(
      "CorruptInput",
      (error) => Effect.as(writesStored ? Stream.runDrain(remaining) : Effect.void, error)
    )
  )
  progress.report()
  const storedFile = writesStored ? yield* stored.finish : undefined
  const reason = decompressedPath === path && file.size === 0 ? "the file is empty" : corrupt?.message
  if (reason !== undefined) {
    return yield* new CoreUnreadable({
      id: ref.id,
      node: ref.node,
      detail: `The core cannot be decompressed: ${reason}.`
    })
  }
  const coreFile = writesCore ? yield* core.finish : undefined
  return {
    ...(storedFile === undefined ? {} : { stored: storedFile }),
    ...(coreFile === undefined ? {} : { decompressed: coreFile }),
    etag: file.etag,
    resumedFrom,
    ...(hash === undefined ? {} : { sha256: hash.digest("hex") })
  } satisfies DownloadResult
})

/**
 * Downloads a core to files of mode 0600, with constant memory.
 *
 * - Bytes go to `<path>.<16 hex digits>.part`, which is renamed when it is complete. The digits identify the bytes (they
 *   are derived from the ETag): a later call resumes the part of the same core, never that of another.
 * - If the connection breaks, the download reconnects and continues. After six reconnects in a row without a byte it
 *   fails and keeps the part. If the core changes during the download, it starts again.
 * - A file that exists at `path` is never overwritten. If it has the size and modification time of the stored file (which
 *   downloads get), it counts as the same. If it has the same size only, the download is compared with it byte by byte.
 *   Otherwise the download fails with `FileExists`. An existing decompressed file is recognized by its modification time,
 *   or compared.
 * - With both paths, one download fills both files. If the paths are equal (the core is stored uncompressed), there is
 *   one file. With `decompressedPath` alone, nothing else is written, and a later call starts again.
 * - If the core cannot be decompressed, the download fails with `CoreUnreadable` and keeps the stored file.
 */
export const downloadCore = (
  options: DownloadOptions
): Effect.Effect<DownloadResult, Problem | DownloadError, CoreSource> =>
  CoreSource.use((source) => Effect.scoped(downloadOnce(source, options))).pipe(
    Effect.retry({ while: (error) => error._tag === "PreconditionFailed", times: 2 }),
    Effect.withSpan("downloadCore")
  )
