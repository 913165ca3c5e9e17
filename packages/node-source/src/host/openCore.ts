/** Opens the file of a core. Whatever stands under its name now, only a regular file in the directory itself is read. */
import { decompress } from "@koredump/compression"
import { type CoreFile, CoreNotStored, type CoreRef, CoreUnreadable, parseCoreId, type Problem } from "@koredump/core"
import { Effect, Option, type Scope, Stream } from "effect"
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { failureText } from "./files.ts"
import type { HostPaths } from "./HostPaths.ts"

const chunkBytes = 256 * 1024

// A name that has become a pipe must not block, one that has become a link must not be followed.
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

const unreadable = (ref: CoreRef, error: unknown) =>
  new CoreUnreadable({ ...ref, detail: `The file cannot be read: ${failureText(error)}.` })

const isAbsent = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT"

const acquire = (paths: HostPaths, ref: CoreRef): Effect.Effect<FileHandle, Problem, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => open(paths.core(ref.id), flags),
      catch: (error) =>
        isAbsent(error)
          ? new CoreNotStored({ ...ref, detail: "The file is gone (vacuumed or deleted)." })
          : unreadable(ref, error)
    }),
    (handle) => Effect.ignore(Effect.tryPromise(() => handle.close()))
  )

/** The file as it is now: it stays readable to the end even if it is deleted meanwhile. */
export const openCore = Effect.fn("openCore")(
  function*(paths: HostPaths, ref: CoreRef): Effect.fn.Return<CoreFile, Problem, Scope.Scope> {
    const handle = yield* acquire(paths, ref)
    const stats = yield* Effect.tryPromise({
      try: () => handle.stat({ bigint: true }),
      catch: (error) => unreadable(ref, error)
    })
    if (!stats.isFile()) return yield* new CoreUnreadable({ ...ref, detail: "It is not a regular file." })
    const size = Number(stats.size)
    const { compression } = Option.getOrThrow(parseCoreId(ref.id))

    const read = (into: Uint8Array, position: number): Promise<number> =>
      handle.read(into, 0, into.length, position).then(({ bytesRead }) => bytesRead)

    const chunk = Effect.fnUntraced(function*(position: number, end: number) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, end - position))
      const count = yield* Effect.tryPromise({
        try: () => read(buffer, position),
        catch: (error) => unreadable(ref, error)
      })
      if (count === 0) {
        return yield* new CoreUnreadable({ ...ref, detail: `The file ends at ${position} of ${size} bytes.` })
      }
      return buffer.subarray(0, count)
    })

    const bytes: CoreFile["bytes"] = (range = { start: 0, end: size }) =>
      range.start >= range.end
        ? Stream.empty
        : Stream.paginate(range.start, (position) =>
          Effect.map(chunk(position, range.end), (piece) => {
            const next = position + piece.length
            return [[piece], next < range.end ? Option.some(next) : Option.none()] as const
          }))

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
        Stream.catchTag(
          "CorruptInput",
          ({ message }) =>
            Stream.fail(new CoreUnreadable({ ...ref, detail: `The core cannot be decompressed: ${message}.` }))
        )
      ),
      read
    }
  }
)
