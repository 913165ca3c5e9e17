import { ByteQueue } from "./ByteQueue.ts"
import type { Codec } from "./CodecTransform.ts"
import { CorruptError, TruncatedError } from "./errors.ts"

/** What the WebAssembly module exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  create_context(): number
  destroy_context(context: number): void
  supply_input(context: number, length: number): void
  get_next_output(context: number): number
}
interface Loader {
  _getModuleInstance(): Promise<void>
  _moduleInstance: { readonly exports: Exports }
}

let loading: Promise<unknown> = Promise.resolve()

/** Makes a new instance for each stream, so that its memory is freed with it. */
const instantiate = (): Promise<Exports> => {
  const loaded = loading.then(async () => {
    const { default: xz } = await import("xz-decompress") as any
    const loader = xz.XzReadableStream as Loader
    await loader._getModuleInstance()
    return loader._moduleInstance.exports
  })
  loading = loaded.catch(() => undefined)
  return loaded
}

// Indexes of words in the context: buffer size, then xz_buf { in, in_pos, in_size, out, out_pos, out_size }.
const SIZE = 0, IN = 1, IN_POS = 2, IN_SIZE = 3, OUT = 4, OUT_POS = 5
// Results of `get_next_output` (enum xz_ret).
const OK = 0, STREAM_END = 1, BUF_ERROR = 8
const messages: Record<number, string> = {
  2: "unsupported xz check type",
  3: "out of memory",
  4: "xz dictionary too large",
  5: "not an xz stream",
  6: "unsupported xz options",
  7: "corrupt xz data"
}

/**
 * Decodes the xz format with the WebAssembly build of xz-embedded in `xz-decompress`. The package's own stream hangs or
 * crashes on truncated input and decodes one file at a time, so only its WebAssembly module is used, at an exact version.
 */
export class XzCodec implements Codec {
  readonly #exports: Exports
  readonly #input = new ByteQueue()
  readonly #context: number
  #closed = false
  /** Whether the last output filled its buffer: there may be more output without more input. */
  #full = false

  /** Loads the WebAssembly module and makes a decoder. */
  static async make(): Promise<XzCodec> {
    return new XzCodec(await instantiate())
  }

  constructor(exports: Exports) {
    this.#exports = exports
    this.#context = exports.create_context()
  }

  feed(chunk: Uint8Array): void {
    this.#input.push(chunk)
  }

  #words(): Uint32Array {
    return new Uint32Array(this.#exports.memory.buffer, this.#context, 8)
  }

  next(): Uint8Array | undefined {
    while (true) {
      let words = this.#words()
      if (words[IN_POS] === words[IN_SIZE] && !this.#full) {
        const chunk = this.#input.takePiece(words[SIZE]!)
        if (chunk === undefined) return undefined
        new Uint8Array(this.#exports.memory.buffer, words[IN]!, words[SIZE]!).set(chunk)
        this.#exports.supply_input(this.#context, chunk.length)
      }
      const result = this.#exports.get_next_output(this.#context)
      words = this.#words()
      // The decoder continues with further streams by itself. Only `finish` expects the end.
      if (result !== OK && result !== BUF_ERROR) throw new CorruptError(messages[result] ?? `xz error ${result}`)
      const size = words[OUT_POS]!
      this.#full = size === words[SIZE]!
      if (size > 0) {
        const output = Buffer.allocUnsafeSlow(size)
        output.set(new Uint8Array(this.#exports.memory.buffer, words[OUT]!, size))
        words[OUT_POS] = 0
        return output
      }
      if (result === BUF_ERROR && words[IN_POS] !== words[IN_SIZE]) throw new CorruptError("corrupt xz data")
    }
  }

  finish(): void {
    // An empty input means the end for this build.
    this.#exports.supply_input(this.#context, 0)
    if (this.#exports.get_next_output(this.#context) !== STREAM_END) throw new TruncatedError("truncated xz data")
  }

  close(): void {
    if (!this.#closed) this.#exports.destroy_context(this.#context)
    this.#closed = true
  }
}
