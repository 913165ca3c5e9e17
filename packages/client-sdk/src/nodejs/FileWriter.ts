import type { FileHandle } from "node:fs/promises"

const batchBytes = 1024 * 1024

/** Writes chunks to a file in batches of 1 MiB. It has two buffers: one is written to the file while the other fills. */
export class FileWriter {
  readonly #handle: FileHandle
  #position: number
  #filling = Buffer.allocUnsafeSlow(batchBytes)
  #other = Buffer.allocUnsafeSlow(batchBytes)
  #filled = 0
  #pending: Promise<void> = Promise.resolve()

  /** Writes from `position` on. */
  constructor(handle: FileHandle, position: number) {
    this.#handle = handle
    this.#position = position
  }

  /** The position of the next byte. */
  get end(): number {
    return this.#position + this.#filled
  }

  /** Appends a chunk. If it does not fit the buffer, wait for the Promise before the next call. */
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
      if (this.#filled === batchBytes) await this.#startWrite()
    }
  }

  /** Writes everything to the file. Rejects if this or an earlier write fails. */
  async flush(): Promise<void> {
    await this.#startWrite()
    await this.#pending
  }

  async #startWrite(): Promise<void> {
    await this.#pending
    this.#pending = this.#writeAll(this.#filling.subarray(0, this.#filled), this.#position)
    // Not unhandled: the next write or flush awaits it.
    this.#pending.catch(() => {})
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
