import { Transform, type TransformCallback } from "node:stream"
import { constants, createZstdDecompress, type ZstdDecompress } from "node:zlib"
import { transformOptions } from "./CodecTransform.ts"
import { CorruptError, TruncatedError } from "./errors.ts"

// 8 MiB, as RFC 8878 recommends for decoders. systemd-coredump uses 2 MiB.
const params = { [constants.ZSTD_d_windowLogMax]: 23 }

/**
 * A Node.js stream that decompresses zstd data. It reads only the headers of frames and blocks, to find the end of each
 * frame, and decompresses each frame with a new zlib stream: with a single one, Node.js 22 accepts truncated input, and
 * Node.js 24 may drop or reject a second frame.
 */
export class ZstdTransform extends Transform {
  /** Decompresses the current frame. */
  #inner: ZstdDecompress | undefined
  /** Decompresses the rest of the last complete frame. */
  #draining: ZstdDecompress | undefined
  #failed: ((error: Error) => void) | undefined
  /** The current header: `#have` of `#need` bytes. */
  readonly #head = new Uint8Array(18)
  #have = 0
  #need = 5
  /** Bytes of a block that are still to be skipped. */
  #skip = 0
  #state: "frame" | "header" | "block" | "end" = "frame"
  /** Whether the current block is the last one of its frame. */
  #last = false
  #checksum = false
  #frames = 0

  readonly #pieceSize: number

  constructor(pieceSize: number) {
    super(transformOptions)
    this.#pieceSize = pieceSize
  }

  override _transform(chunk: Uint8Array, _encoding: string, callback: TransformCallback): void {
    this.#run(chunk).then(() => callback(), callback)
  }

  async #run(chunk: Uint8Array): Promise<void> {
    let from = 0
    let i = 0
    while (i < chunk.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - i)
        this.#skip -= step
        i += step
      } else {
        this.#head[this.#have++] = chunk[i++]!
      }
      if (this.#skip > 0 || this.#have !== this.#need) continue
      const frames = this.#frames
      const error = this.#advance()
      if (error !== undefined) throw error
      if (this.#frames > frames) {
        await this.#feed(chunk.subarray(from, i), true)
        from = i
      }
    }
    if (from < i) await this.#feed(chunk.subarray(from), false)
  }

  /** Resolves when the piece is decompressed, or with `last`, when all output of the frame has been pushed. */
  #feed(piece: Uint8Array, last: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failed = reject
      const inner = this.#inner ??= this.#open()
      if (!last) return void inner.write(piece, (error) => error ? reject(error) : resolve())
      this.#inner = undefined
      this.#draining = inner
      inner.once("end", resolve)
      inner.end(piece)
    })
  }

  #open(): ZstdDecompress {
    const inner = createZstdDecompress({ chunkSize: this.#pieceSize, params })
    inner.on("data", (output) => {
      if (!this.push(output)) inner.pause()
    })
    inner.on("error", (error) => this.#failed?.(error))
    return inner
  }

  override _read(size: number): void {
    this.#draining?.resume()
    this.#inner?.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#draining?.destroy()
    this.#inner?.destroy()
    callback(error)
  }

  /** Called when `#need` bytes of a header have been read, or (if `#need` is 0) when the body of a block was skipped. */
  #advance(): Error | undefined {
    const head = this.#head
    switch (this.#state) {
      case "frame": {
        if ((head[0]! | (head[1]! << 8) | (head[2]! << 16) | (head[3]! << 24)) >>> 0 !== 0xfd2fb528) {
          return new CorruptError(this.#frames === 0 ? "not a zstd frame" : "unexpected data after the zstd frame")
        }
        const flags = head[4]!
        const single = (flags & 0x20) !== 0
        this.#checksum = (flags & 4) !== 0
        this.#need = 5 + (single ? 0 : 1) + [0, 1, 2, 4][flags & 3]! + [single ? 1 : 0, 2, 4, 8][flags >>> 6]!
        this.#state = "header"
        if (this.#have < this.#need) return undefined
        return this.#advance()
      }
      case "header":
        return this.#expectBlock()
      case "block": {
        if (this.#need === 0) return this.#last ? this.#expectEnd() : this.#expectBlock()
        const word = head[0]! | (head[1]! << 8) | (head[2]! << 16)
        const type = (word >>> 1) & 3
        if (type === 3) return new CorruptError("corrupt zstd data")
        this.#last = (word & 1) !== 0
        this.#skip = type === 1 ? 1 : word >>> 3
        this.#have = 0
        this.#need = 0
        return this.#skip === 0 ? this.#advance() : undefined
      }
      case "end":
        this.#frames++
        this.#have = 0
        this.#need = 5
        this.#state = "frame"
        return undefined
    }
  }

  #expectBlock(): undefined {
    this.#have = 0
    this.#need = 3
    this.#state = "block"
  }

  #expectEnd(): Error | undefined {
    this.#have = 0
    this.#need = 0
    this.#state = "end"
    if (!this.#checksum) return this.#advance()
    this.#need = 4
    return undefined
  }

  override _flush(callback: TransformCallback): void {
    callback(
      this.#frames > 0 && this.#state === "frame" && this.#have === 0
        ? null
        : new TruncatedError("truncated zstd data")
    )
  }
}
