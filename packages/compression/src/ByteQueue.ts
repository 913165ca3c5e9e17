/** Bytes in the order they came, joined only when a whole piece is there. */
export class ByteQueue {
  #chunks: Array<Uint8Array> = []
  length = 0

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.length += chunk.length
  }

  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.unshift(chunk)
    this.length += chunk.length
  }

  /** The first `size` bytes, which stay in the queue. */
  peek(size: number): Uint8Array | undefined {
    if (this.length < size) return undefined
    if (this.#chunks[0]!.length < size) {
      const parts: Array<Uint8Array> = []
      let got = 0
      let count = 0
      while (got < size) {
        const part = this.#chunks[count++]!
        parts.push(part)
        got += part.length
      }
      this.#chunks.splice(0, count, Buffer.concat(parts))
    }
    return this.#chunks[0]!.subarray(0, size)
  }

  take(size: number): Uint8Array | undefined {
    const bytes = this.peek(size)
    if (bytes !== undefined) this.drop(size)
    return bytes
  }

  /** Drops up to `size` bytes and tells how many. */
  drop(size: number): number {
    let rest = Math.min(size, this.length)
    const dropped = rest
    while (rest > 0) {
      const first = this.#chunks[0]!
      if (first.length <= rest) {
        this.#chunks.shift()
        rest -= first.length
      } else {
        this.#chunks[0] = first.subarray(rest)
        rest = 0
      }
    }
    this.length -= dropped
    return dropped
  }

  /** What is in the first chunk, at most `size` bytes. */
  some(size: number): Uint8Array | undefined {
    return this.length === 0 ? undefined : this.take(Math.min(size, this.#chunks[0]!.length))
  }
}
