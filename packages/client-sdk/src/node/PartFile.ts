/** A file in the making: written as `<path>.<key>.part`, mode 0600, and given its name when it is whole. */
import { Effect, Exit } from "effect"
import { constants } from "node:fs"
import { type FileHandle, link, open, readdir, rename, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { type DownloadError, FileExists, FileFailed } from "./DownloadError.ts"
import { onFile, onFileUnless } from "./files.ts"
import type { Target, TargetOptions } from "./Target.ts"

const batchBytes = 1024 * 1024
const batchChunks = 512

/** Writes in order; one write is on its way while the next batch gathers. */
class Writer {
  readonly #handle: FileHandle
  #position: number
  #batch: Array<Uint8Array> = []
  #batchBytes = 0
  #flight: Promise<void> = Promise.resolve()

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle
    this.#position = position
  }

  /** Where the next bytes go. */
  get end(): number {
    return this.#position + this.#batchBytes
  }

  /** Takes the chunks; where the batch is full, the answer says when there is room again. */
  write(chunks: ReadonlyArray<Uint8Array>): Promise<void> | undefined {
    for (const chunk of chunks) {
      this.#batch.push(chunk)
      this.#batchBytes += chunk.length
    }
    return this.#batchBytes < batchBytes && this.#batch.length < batchChunks ? undefined : this.#launch()
  }

  async flush(): Promise<void> {
    await this.#launch()
    await this.#flight
  }

  async #launch(): Promise<void> {
    await this.#flight
    const batch = this.#batch
    const position = this.#position
    this.#batch = []
    this.#position += this.#batchBytes
    this.#batchBytes = 0
    this.#flight = this.#writeAll(batch, position)
    // Whoever waits for the next batch or for the end hears of it.
    this.#flight.catch(() => {})
  }

  async #writeAll(batch: Array<Uint8Array>, from: number): Promise<void> {
    let position = from
    while (batch.length > 0) {
      let { bytesWritten } = await this.#handle.writev(batch, position)
      position += bytesWritten
      while (batch.length > 0 && batch[0]!.length <= bytesWritten) bytesWritten -= batch.shift()!.length
      if (bytesWritten > 0) batch[0] = batch[0]!.subarray(bytesWritten)
    }
  }
}

// A link in the place of the part is never followed, and a part that others could have planted is never gone on with.
const openFlags = constants.O_RDWR | constants.O_NOFOLLOW

const reopen = (part: string, maxSize: number) =>
  onFileUnless(part, ["ENOENT", "ELOOP"], async () => {
    const handle = await open(part, openFlags)
    const stat = await handle.stat()
    const mine = stat.isFile() && stat.uid === process.getuid?.() && stat.nlink === 1
    if (mine && stat.size <= maxSize) return { handle, have: stat.size }
    await handle.close()
    return undefined
  })

/** Parts of the same file with other keys are of no use any more. */
const removeOthers = async (path: string): Promise<void> => {
  const stem = `${basename(path)}.`
  for (const name of await readdir(dirname(path))) {
    if (name.startsWith(stem) && /^[0-9a-f]{16}\.part$/.test(name.slice(stem.length))) {
      await unlink(join(dirname(path), name))
    }
  }
}

const create = (path: string, part: string) =>
  onFile(path, async () => {
    await removeOthers(path)
    const handle = await open(part, openFlags | constants.O_CREAT | constants.O_EXCL, 0o600)
    // The umask may have taken even the owner's bits.
    await handle.chmod(0o600)
    return { handle, have: 0 }
  })

/** Gives the part its name, unless there is a file by now. */
const publish = (part: string, path: string): Effect.Effect<void, DownloadError> =>
  onFile(path, () => link(part, path).then(() => unlink(part))).pipe(
    Effect.catch((error): Effect.Effect<void, DownloadError> => {
      if (error.code === "EEXIST") return Effect.fail(new FileExists({ path }))
      // No hard links on this file system, or not for us.
      return ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(error.code)
        ? onFile(path, () => rename(part, path))
        : Effect.fail(error)
    })
  )

/**
 * Begins a file, or goes on with the part that an attempt of the same key has left, where the size is known. When the
 * scope closes before it is finished, such a part stays for the next attempt.
 */
export const makePart = Effect.fnUntraced(function*({ key, modified, path, size }: TargetOptions) {
  const part = `${path}.${key}.part`
  let keep = size !== undefined

  const { handle, have, writer } = yield* Effect.acquireRelease(
    Effect.gen(function*() {
      const left = size === undefined ? undefined : yield* reopen(part, size)
      const { handle, have } = left ?? (yield* create(path, part))
      return { handle, have, writer: new Writer(handle, have) }
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
    have,
    complete: false,
    read: (position: number, length: number) =>
      onFile(part, async () => {
        const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, position)
        return buffer.subarray(0, bytesRead)
      }),
    write: (chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, DownloadError> => {
      const room = writer.write(chunks)
      return room === undefined ? Effect.void : onFile(part, () => room)
    },
    finish: Effect.gen(function*() {
      yield* onFile(part, async () => {
        await writer.flush()
        await handle.sync()
        await handle.utimes(modified, modified)
      })
      if (size !== undefined && writer.end !== size) return yield* new FileFailed({ path: part, code: "EIO" })
      yield* publish(part, path)
      keep = true
      return { path, size: writer.end, existed: false }
    }),
    discard: Effect.sync(() => keep = false)
  } satisfies Target
})
