import { decompress, readDecompressed } from "@koredump/compression"
import {
  type CoreFile,
  CoreNotStored,
  type CoreRef,
  CoreUnreadable,
  errorCode,
  parseCoreId,
  prependBlock,
  type Problem,
  type ReadBlock
} from "@koredump/core"
import { Effect, Option, type Scope, Stream } from "effect"
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { goneReason, toErrorReason } from "./files.ts"
import type { HostPaths } from "./HostPaths.ts"

const chunkBytes = 256 * 1024

// The name may have become a symbolic link, which must not be followed, or a named pipe, which must not block.
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const unreadable = (ref: CoreRef, error: unknown) =>
  new CoreUnreadable({ ...ref, detail: `The core file cannot be read: ${toErrorReason(error)}.` })

const acquire = (paths: HostPaths, ref: CoreRef): Effect.Effect<FileHandle, Problem, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => open(paths.core(ref.id), flags),
      catch: (error) =>
        errorCode(error) === "ENOENT"
          ? new CoreNotStored({ ...ref, detail: goneReason })
          : unreadable(ref, error)
    }),
    (handle) => Effect.ignore(Effect.tryPromise(() => handle.close()))
  )

/**
 * Opens a core file. Only a regular file in the coredump directory itself is opened. It stays readable to its end even
 * if it is deleted while it is open.
 */
export const openCore = Effect.fn("openCore")(
  function*(paths: HostPaths, ref: CoreRef): Effect.fn.Return<CoreFile, Problem, Scope.Scope> {
    const handle = yield* acquire(paths, ref)
    const stats = yield* Effect.tryPromise({
      try: () => handle.stat({ bigint: true }),
      catch: (error) => unreadable(ref, error)
    })
    if (!stats.isFile()) return yield* new CoreUnreadable({ ...ref, detail: "The core file is not a regular file." })
    const size = Number(stats.size)
    const { compression } = Option.getOrThrow(parseCoreId(ref.id))

    const read = (into: Uint8Array, position: number): Promise<number> =>
      handle.read(into, 0, into.length, position).then(({ bytesRead }) => bytesRead)

    const readChunk = Effect.fnUntraced(function*(position: number, end: number) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - position))
      const count = yield* Effect.tryPromise({
        try: () => read(buffer, position),
        catch: (error) => unreadable(ref, error)
      })
      if (count === 0) {
        return yield* new CoreUnreadable({
          ...ref,
          detail: `The core file was truncated: it ends after ${position} of ${size} bytes.`
        })
      }
      return buffer.subarray(0, count)
    })

    const bytes: CoreFile["bytes"] = (range = { start: 0, end: size }) =>
      range.start >= range.end
        ? Stream.empty
        : Stream.paginate(range.start, (position) =>
          Effect.map(readChunk(position, range.end), (piece) => {
            const next = position + piece.length
            return [[piece], next < range.end ? Option.some(next) : Option.none()] as const
          }))

    const notDecompressed = (reason: string) =>
      new CoreUnreadable({ ...ref, detail: `The core cannot be decompressed: ${reason}.` })

    const readOrThrow = async (into: Uint8Array, position: number): Promise<number> => {
      const bytes = await read(into, position).catch((error) => {
        throw unreadable(ref, error)
      })
      // A core that is not compressed has no end of its own.
      if (bytes === 0 && position < size) throw notDecompressed("the file ended early")
      return bytes
    }
    const toProblem = (error: unknown) =>
      error instanceof CoreUnreadable ? error : notDecompressed(error instanceof Error ? error.message : String(error))

    const decompressedBlocks = Effect.gen(function*() {
      const blocks = yield* Effect.acquireRelease(
        Effect.sync(() => readDecompressed(compression, readOrThrow)),
        ({ close }) => Effect.sync(close)
      )
      const readBlock: ReadBlock = (signal) =>
        blocks.read(signal).catch((error) => {
          throw toProblem(error)
        })
      const first = yield* Effect.tryPromise({ try: blocks.read, catch: toProblem })
      return prependBlock(first, readBlock)
    })

    return {
      ref,
      size,
      compression,
      lastModified: Number(stats.mtimeMs),
      etag: `"${stats.dev.toString(36)}-${stats.ino.toString(36)}-${stats.size.toString(36)}-${
        stats.mtimeNs.toString(36)
      }"`,
      bytes,
      decompressed: bytes().pipe(
        decompress(compression),
        Stream.catchTag("CorruptInput", ({ message }) => Stream.fail(notDecompressed(message)))
      ),
      decompressedBlocks,
      read
    }
  }
)
