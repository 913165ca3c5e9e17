/** A queue of bytes. Chunks are joined only when a piece that spans several of them is complete. */
export class ByteQueue {
  #chunks: Array<Uint8Array> = []
  /** Number of bytes in the queue. */
  length = 0

  /** Appends a chunk, without a copy. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.length += chunk.length
  }

  /** Returns the first `size` bytes and keeps them in the queue. `undefined` if there are fewer. */
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

  /** Removes and returns the first `size` bytes. `undefined` if there are fewer. */
  take(size: number): Uint8Array | undefined {
    const bytes = this.peek(size)
    if (bytes !== undefined) this.drop(size)
    return bytes
  }

  /** Removes up to `size` bytes and returns their number. */
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

  /** Removes and returns the first chunk, at most `size` bytes of it. `undefined` if the queue is empty. */
  takeChunk(size: number): Uint8Array | undefined {
    return this.length === 0 ? undefined : this.take(Math.min(size, this.#chunks[0]!.length))
  }
}
