/** A Node stream of a decoder that works in memory. */
import { Transform, type TransformCallback } from "node:stream"
import { TruncatedError } from "./errors.ts"

/** A decoder that is fed chunks of input and gives output piece by piece. It throws on input that is corrupt. */
export interface Codec {
  feed(chunk: Uint8Array): void
  /** Some output, or nothing until more is fed. */
  next(): Uint8Array | undefined
  /** Throws unless the input was complete. */
  finish(): void
  close(): void
}

/** Longest time the event loop is kept, in milliseconds. */
const SLICE = 8

/**
 * A few KiB of input may give many MiB of output, so each piece waits until the reader wants it;
 * a plain Transform would push them all.
 */
export class CodecTransform extends Transform {
  #codec: Codec | undefined
  readonly #make: () => Codec | Promise<Codec>
  #wake: (() => void) | undefined

  constructor(make: () => Codec | Promise<Codec>) {
    super({ readableHighWaterMark: 128 * 1024, writableHighWaterMark: 64 * 1024 })
    this.#make = make
  }

  override _transform(chunk: Uint8Array, _encoding: string, callback: TransformCallback): void {
    this.#run(chunk).then(() => callback(), callback)
  }

  async #run(chunk: Uint8Array): Promise<void> {
    const codec = this.#codec ??= await this.#make()
    codec.feed(chunk)
    let since = performance.now()
    let output
    while (!this.destroyed && (output = codec.next()) !== undefined) {
      if (!this.push(output)) {
        await new Promise<void>((resolve) => this.#wake = resolve)
        since = performance.now()
      } else if (performance.now() - since > SLICE) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        since = performance.now()
      }
    }
    if (this.destroyed) codec.close()
  }

  override _read(size: number): void {
    const wake = this.#wake
    if (wake === undefined) return super._read(size)
    this.#wake = undefined
    // Not in this tick: `_read` also runs within `push`, and the event loop gets its turn.
    setImmediate(wake)
  }

  override _flush(callback: TransformCallback): void {
    try {
      if (this.#codec === undefined) throw new TruncatedError("the file is empty")
      this.#codec.finish()
      this.#codec.close()
      callback()
    } catch (error) {
      callback(error as Error)
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const wake = this.#wake
    this.#wake = undefined
    if (wake === undefined) this.#codec?.close()
    else wake()
    callback(error)
  }
}
