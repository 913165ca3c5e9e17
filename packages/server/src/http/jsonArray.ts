import { blockSize, type ReadBlock, readBlocks } from "@koredump/core"

const [opening, separator, closing] = [..."[,]"].map((text) => text.charCodeAt(0)) as [number, number, number]

/** A JSON array of documents that are already encoded. It is read only once. */
export interface JsonArray {
  /** Bytes of the array. */
  readonly length: number
  /** Reads blocks into two buffers. */
  readonly read: ReadBlock
  /** Frees the buffers. To be called after the last block was sent: garbage collection would free them late. */
  readonly release: () => void
  /** Blocks in new memory. */
  readonly blocks: () => Generator<Uint8Array>
}

/** Makes a function that fills buffers with the array, one after the other. It returns the number of bytes. */
const makeFill = (items: ReadonlyArray<Uint8Array>) => {
  let next = 0
  /** Position in the next item. -1: in front of the byte before it. */
  let offset = -1
  return (into: Uint8Array): number => {
    let at = 0
    for (; next < items.length; next++, offset = -1) {
      if (at === into.length) return at
      if (offset < 0) {
        into[at++] = next === 0 ? opening : separator
        offset = 0
      }
      const item = items[next]!
      const bytes = Math.min(item.length - offset, into.length - at)
      into.set(bytes === item.length ? item : item.subarray(offset, offset + bytes), at)
      at += bytes
      offset += bytes
      if (offset < item.length) return at
    }
    if (items.length === 0) into[at++] = opening
    if (at < into.length) into[at++] = closing
    return at
  }
}

/** Makes a JSON array that is read block by block, so that a long one is never in memory as a whole. */
export const makeJsonArray = (items: ReadonlyArray<Uint8Array>): JsonArray => {
  const length = items.reduce((sum, item) => sum + item.length, Math.max(items.length + 1, 2))
  const fill = makeFill(items)
  const buffers: Array<Buffer<ArrayBuffer>> = []
  const allocate = (size: number) => {
    const buffer = Buffer.allocUnsafeSlow(size)
    buffers.push(buffer)
    return buffer
  }
  return {
    length,
    read: readBlocks((into) => Promise.resolve(fill(into)), { length, allocate }),
    release: () => {
      for (const { buffer } of buffers) buffer.transfer(0)
    },
    blocks: function*() {
      for (let left = length; left > 0;) {
        const block = new Uint8Array(Math.min(left, blockSize))
        left -= fill(block)
        yield block
      }
    }
  }
}
