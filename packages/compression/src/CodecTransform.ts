import { Transform, type TransformCallback } from "node:stream"
import { TruncatedError } from "./errors.ts"

/** A synchronous decoder: accepts chunks of input and returns pieces of output. Throws if the input is corrupt. */
export interface Codec {
  /** Adds input. Its memory is not used any more after `next` has returned `undefined`. */
  feed(chunk: Uint8Array): void
  /** Returns some output, or `undefined` if it needs more input. */
  next(): Uint8Array | undefined
  /** Call it after the last input. Throws unless the input was complete. */
  finish(): void
  /** Frees memory. */
  close(): void
}

/** Options of a stream that has one piece of output ready. `read` returns a piece as it is, without joining several. */
export const transformOptions = {
  readableObjectMode: true,
  readableHighWaterMark: 1,
  writableHighWaterMark: 64 * 1024
} as const

/** Longest time that a decoder blocks the event loop, in milliseconds. */
const SLICE = 8

/**
 * A Node.js stream over a decoder. A few KiB of input can become many MiB of output, so it decodes the next piece only when
 * the reader requests it. A plain `Transform` would push all output without waiting for the reader.
 */
export class CodecTransform extends Transform {
  #codec: Codec | undefined
  readonly #make: () => Codec | Promise<Codec>
  #wake: (() => void) | undefined

  constructor(make: () => Codec | Promise<Codec>) {
    super(transformOptions)
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
    // Not in this tick: `_read` also runs within `push`, and other events must be handled in between.
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
