import { blockSize, type Compression, type ReadBlock, readBlocks } from "@koredump/core"
import type { Duplex } from "node:stream"
import { decompressor } from "./decompressor.ts"
import { TruncatedError } from "./errors.ts"

/** Reads from a position of a file into a buffer. Returns the number of bytes, 0 at the end. */
type ReadFile = (into: Uint8Array, position: number) => Promise<number>

const inputSize = 256 * 1024

/** Writes the file to the decompressor, through one buffer: a decompressor does not use its input after the callback. */
const feed = async (stream: Duplex, read: ReadFile): Promise<void> => {
  const buffer = Buffer.allocUnsafeSlow(inputSize)
  let position = 0
  for (;;) {
    const bytes = await read(buffer, position)
    if (stream.destroyed) return
    if (bytes === 0) return void stream.end()
    position += bytes
    await new Promise<void>((resolve, reject) =>
      stream.write(buffer.subarray(0, bytes), (error) => error ? reject(error) : resolve())
    )
  }
}

/** Frees the memory of a piece that is no longer used, unless the next piece is in the same memory. */
const release = (piece: Uint8Array, next: Uint8Array | undefined): void => {
  const { buffer } = piece
  if (buffer !== next?.buffer && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Blocks of decompressed data, and how to stop. */
interface DecompressedBlocks {
  readonly read: ReadBlock
  readonly close: () => void
}

const readStream = (stream: Duplex, readFile: ReadFile): DecompressedBlocks => {
  let failure: unknown
  let wake: (() => void) | undefined
  stream.on("error", (error) => failure = error)
  for (const event of ["readable", "end", "close"]) stream.on(event, () => wake?.())
  feed(stream, readFile).catch((error) => stream.destroy(error))

  const waitForData = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      wake = () => {
        signal.removeEventListener("abort", wake!)
        wake = undefined
        resolve()
      }
      signal.addEventListener("abort", wake)
    })

  let written: Uint8Array | undefined
  let returned: Uint8Array | undefined
  const advance = (next: Uint8Array | undefined) => {
    // Garbage collection would free it too, but late: new memory costs more than decompression.
    if (written !== undefined) release(written, returned)
    written = returned
    returned = next
    return next
  }
  return {
    read: async (signal) => {
      for (;;) {
        signal.throwIfAborted()
        const piece = stream.read() as Uint8Array | null
        if (piece !== null) return advance(piece)
        if (failure !== undefined) throw failure
        if (stream.readableEnded || stream.destroyed) return undefined
        await waitForData(signal)
      }
    },
    close: () => stream.destroy()
  }
}

/**
 * Decompresses a file block by block, without Effect and without the allocation of new memory for each block. Rejects
 * like {@link decompress} fails.
 */
export const readDecompressed = (compression: Compression, readFile: ReadFile): DecompressedBlocks => {
  if (compression !== "none") return readStream(decompressor(compression, blockSize), readFile)
  let position = 0
  const read = readBlocks(async (into) => {
    const bytes = await readFile(into, position)
    if (bytes === 0 && position === 0) throw new TruncatedError("the file is empty")
    position += bytes
    return bytes
  })
  return { read, close: () => undefined }
}
