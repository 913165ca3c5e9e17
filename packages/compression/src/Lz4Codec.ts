import { ByteQueue } from "./ByteQueue.ts"
import type { Codec } from "./CodecTransform.ts"
import { CorruptError, TruncatedError } from "./errors.ts"
import { le32, XxHash32 } from "./XxHash32.ts"

/**
 * Decodes one block into `out` from `start` up to `limit`. Matches may refer to bytes from `floor` on. Returns the end of
 * the output.
 */
const decodeBlock = (src: Uint8Array, out: Uint8Array, start: number, floor: number, limit: number): number => {
  let i = 0
  let o = start
  const end = src.length
  while (true) {
    if (i >= end) throw new CorruptError("truncated lz4 sequence")
    const token = src[i++]!
    let literals = token >>> 4
    if (literals === 15) {
      let more
      do {
        if (i >= end) throw new CorruptError("truncated lz4 literal length")
        more = src[i++]!
        literals += more
      } while (more === 255)
    }
    if (literals > 0) {
      if (literals > end - i || literals > limit - o) throw new CorruptError("lz4 literals exceed the block")
      if (literals > 32) out.set(src.subarray(i, i + literals), o)
      else for (let k = 0; k < literals; k++) out[o + k] = src[i + k]!
      i += literals
      o += literals
    }
    if (i === end) return o
    if (end - i < 2) throw new CorruptError("truncated lz4 offset")
    const offset = src[i]! | (src[i + 1]! << 8)
    i += 2
    if (offset === 0 || offset > o - floor) throw new CorruptError("lz4 offset out of range")
    let length = (token & 15) + 4
    if (length === 19) {
      let more
      do {
        if (i >= end) throw new CorruptError("truncated lz4 match length")
        more = src[i++]!
        length += more
      } while (more === 255)
    }
    if (length > limit - o) throw new CorruptError("lz4 match exceeds the block")
    if (length <= 32) {
      for (let k = o - offset, stop = k + length; k < stop; k++) out[o++] = out[k]!
    } else if (offset === 1) {
      out.fill(out[o - 1]!, o, o + length)
      o += length
    } else {
      // An overlapping match repeats itself: each copy doubles what can be copied next.
      const from = o - offset
      let done = Math.min(offset, length)
      out.copyWithin(o, from, from + done)
      while (done < length) {
        const part = Math.min(done + offset, length - done)
        out.copyWithin(o + done, from, from + part)
        done += part
      }
      o += length
    }
  }
}

/** Bytes that a match can refer back to. */
const WINDOW = 65536

interface Frame {
  readonly blockMax: number
  readonly linked: boolean
  readonly blockChecksum: boolean
  readonly content: XxHash32 | undefined
  readonly size: bigint | undefined
  /** The current piece of output, after up to `WINDOW` bytes of history. */
  out: Uint8Array
  /** Start of the piece. */
  from: number
  /** End of the decoded bytes. */
  end: number
  /** Decoded bytes of the frame so far. */
  written: bigint
}

/** Takes the piece, and starts the next one with its end as history. */
const takePiece = (frame: Frame): Uint8Array => {
  const { end, from, out } = frame
  const history = frame.linked ? out.subarray(Math.max(0, end - WINDOW), end) : new Uint8Array()
  frame.out = makeOutput(out.length - WINDOW)
  frame.out.set(history)
  frame.from = frame.end = history.length
  return out.subarray(from, end)
}

const makeOutput = (size: number): Uint8Array => Buffer.allocUnsafeSlow(WINDOW + size)

/**
 * Decodes the LZ4 frame format (v1.6.4): linked and independent blocks, all checksums, concatenated and skippable frames,
 * no dictionaries. It is written here because the npm packages for LZ4 frames need the whole file in memory.
 */
export class Lz4Codec implements Codec {
  readonly #input = new ByteQueue()
  #frame: Frame | undefined
  #frames = 0
  /** Bytes of a skippable frame that are still to be skipped. */
  #skip = 0

  readonly #pieceSize: number

  /** A piece of output has this size or that of a block, whichever is larger, except at the end of a frame. */
  constructor(pieceSize: number) {
    this.#pieceSize = pieceSize
  }

  feed(chunk: Uint8Array): void {
    this.#input.push(chunk)
  }

  next(): Uint8Array | undefined {
    const piece = this.#decode()
    if (piece === undefined) this.#input.keep()
    return piece
  }

  #decode(): Uint8Array | undefined {
    while (true) {
      if (this.#skip > 0) {
        this.#skip -= this.#input.drop(this.#skip)
        if (this.#skip > 0) return undefined
      }
      if (this.#frame === undefined) {
        if (!this.#readHeader()) return undefined
        continue
      }
      const frame = this.#frame
      if (frame.end + frame.blockMax > frame.out.length) return takePiece(frame)
      const head = this.#input.peek(4)
      if (head === undefined) return undefined
      const word = le32(head, 0) >>> 0
      if (word === 0) {
        const tail = this.#input.take(frame.content === undefined ? 4 : 8)
        if (tail === undefined) return undefined
        if (frame.content !== undefined && frame.content.digest() !== le32(tail, 4) >>> 0) {
          throw new CorruptError("lz4 content checksum mismatch")
        }
        if (frame.size !== undefined && frame.size !== frame.written) {
          throw new CorruptError("lz4 content size mismatch")
        }
        this.#frame = undefined
        this.#frames++
        if (frame.end > frame.from) return frame.out.subarray(frame.from, frame.end)
      } else if (!this.#decodeBlock(frame, word)) return undefined
    }
  }

  /** Decodes the next block. Returns false if more input is needed. */
  #decodeBlock(frame: Frame, word: number): boolean {
    const stored = (word & 0x80000000) !== 0
    const length = word & 0x7fffffff
    if (length > frame.blockMax) throw new CorruptError("lz4 block too large")
    const block = this.#input.take(4 + length + (frame.blockChecksum ? 4 : 0))
    if (block === undefined) return false
    const data = block.subarray(4, 4 + length)
    if (frame.blockChecksum && new XxHash32().update(data).digest() !== le32(block, 4 + length) >>> 0) {
      throw new CorruptError("lz4 block checksum mismatch")
    }
    const { end: start, out } = frame
    if (stored) {
      out.set(data, start)
      frame.end = start + length
    } else {
      const floor = frame.linked ? Math.max(0, start - WINDOW) : start
      frame.end = decodeBlock(data, out, start, floor, start + frame.blockMax)
    }
    frame.written += BigInt(frame.end - start)
    frame.content?.update(out.subarray(start, frame.end))
    return true
  }

  /** Reads the header of a frame. Returns false if more input is needed. */
  #readHeader(): boolean {
    const start = this.#input.peek(6)
    if (start === undefined) return false
    const magic = le32(start, 0) >>> 0
    if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
      const head = this.#input.take(8)
      if (head === undefined) return false
      this.#skip = le32(head, 4) >>> 0
      return true
    }
    if (magic !== 0x184d2204) {
      throw new CorruptError(this.#frames === 0 ? "not an lz4 frame" : "unexpected data after the lz4 frame")
    }
    const flags = start[4]!
    const hasSize = (flags & 8) !== 0
    const header = this.#input.take(hasSize ? 15 : 7)
    if (header === undefined) return false
    if (flags >>> 6 !== 1 || (flags & 3) !== 0) {
      throw new CorruptError("unsupported lz4 version, dictionary or flag")
    }
    const blockId = (header[5]! >>> 4) & 7
    if (blockId < 4 || (header[5]! & 0x8f) !== 0) throw new CorruptError("invalid lz4 block size")
    const descriptor = header.subarray(4, header.length - 1)
    if (((new XxHash32().update(descriptor).digest() >>> 8) & 0xff) !== header[header.length - 1]!) {
      throw new CorruptError("lz4 header checksum mismatch")
    }
    const blockMax = 1 << (8 + 2 * blockId)
    this.#frame = {
      blockMax,
      linked: (flags & 0x20) === 0,
      blockChecksum: (flags & 0x10) !== 0,
      content: (flags & 4) === 0 ? undefined : new XxHash32(),
      size: hasSize ? new DataView(header.buffer, header.byteOffset, header.length).getBigUint64(6, true) : undefined,
      out: makeOutput(Math.max(blockMax, this.#pieceSize)),
      from: 0,
      end: 0,
      written: 0n
    }
    return true
  }

  finish(): void {
    if (this.#frame !== undefined || this.#frames === 0 || this.#input.length > 0 || this.#skip > 0) {
      throw new TruncatedError("truncated lz4 data")
    }
  }

  close(): void {}
}
