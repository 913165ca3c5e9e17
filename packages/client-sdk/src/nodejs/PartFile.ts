/** A file in the making: written as `<path>.<key>.part`, mode 0600, and given its name when it is whole. */
import { Effect, Exit } from "effect"
import { constants } from "node:fs"
import { type FileHandle, link, open, readdir, rename, unlink } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { type DownloadError, FileExists, FileFailed } from "./DownloadError.ts"
import { onFile, onFileUnless } from "./files.ts"
import type { Target, TargetOptions } from "./Target.ts"

const batchBytes = 1024 * 1024

/** Writes in order, from two buffers: while one is on its way to the file, the other fills. */
class Writer {
  readonly #handle: FileHandle
  #position: number
  #filling = Buffer.allocUnsafeSlow(batchBytes)
  #other = Buffer.allocUnsafeSlow(batchBytes)
  #filled = 0
  #flight: Promise<void> = Promise.resolve()

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle
    this.#position = position
  }

  /** Where the next bytes go. */
  get end(): number {
    return this.#position + this.#filled
  }

  /** Takes the chunk: at once, unless there is a promise to wait for. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (chunk.length > batchBytes - this.#filled) return this.#writeLong(chunk)
    this.#filling.set(chunk, this.#filled)
    this.#filled += chunk.length
    return undefined
  }

  async #writeLong(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + batchBytes - this.#filled)
      this.#filling.set(part, this.#filled)
      this.#filled += part.length
      from += part.length
      if (this.#filled === batchBytes) await this.#launch()
    }
  }

  async flush(): Promise<void> {
    await this.#launch()
    await this.#flight
  }

  async #launch(): Promise<void> {
    await this.#flight
    this.#flight = this.#writeAll(this.#filling.subarray(0, this.#filled), this.#position)
    // Whoever waits for the next batch or for the end hears of it.
    this.#flight.catch(() => {})
    ;[this.#filling, this.#other] = [this.#other, this.#filling]
    this.#position += this.#filled
    this.#filled = 0
  }

  async #writeAll(batch: Buffer, from: number): Promise<void> {
    for (let done = 0; done < batch.length;) {
      const { bytesWritten } = await this.#handle.write(batch, done, batch.length - done, from + done)
      done += bytesWritten
    }
  }
}

const writeRest = async (writer: Writer, room: Promise<void>, chunks: ReadonlyArray<Uint8Array>): Promise<void> => {
  await room
  for (const chunk of chunks) await writer.write(chunk)
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
    write: (chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, DownloadError> =>
      Effect.suspend(() => {
        for (let i = 0; i < chunks.length; i++) {
          const room = writer.write(chunks[i]!)
          if (room !== undefined) return onFile(part, () => writeRest(writer, room, chunks.slice(i + 1)))
        }
        return Effect.void
      }),
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
