/**
 * The input of a decoder. It refers to the last chunk without a copy. Call {@link keep} before the chunk's memory is used
 * for something else: it copies what is left.
 */
export class ByteQueue {
  #chunk: Uint8Array = new Uint8Array()
  /** Bytes copied from earlier chunks: those from `#from` to `#to` come before the chunk. */
  #kept: Uint8Array = new Uint8Array()
  #from = 0
  #to = 0
  /** The size of the last piece that was requested and not complete. */
  #missing = 0

  /** Number of bytes in the queue. */
  get length(): number {
    return this.#to - this.#from + this.#chunk.length
  }

  /** Appends a chunk, without a copy. */
  push(chunk: Uint8Array): void {
    this.keep()
    this.#chunk = chunk
  }

  /** Copies what is left of the last chunk. */
  keep(): void {
    this.#copy(this.#chunk.length)
  }

  /** Returns the first `size` bytes and keeps them in the queue, valid until the next call. `undefined` if there are fewer. */
  peek(size: number): Uint8Array | undefined {
    if (this.length < size) {
      this.#missing = size
      return undefined
    }
    const kept = this.#to - this.#from
    if (kept === 0) return this.#chunk.subarray(0, size)
    if (kept < size) this.#copy(size - kept)
    return this.#kept.subarray(this.#from, this.#from + size)
  }

  /** Removes and returns the first `size` bytes, valid until the next call. `undefined` if there are fewer. */
  take(size: number): Uint8Array | undefined {
    const bytes = this.peek(size)
    if (bytes !== undefined) this.drop(size)
    return bytes
  }

  /** Removes up to `size` bytes and returns their number. */
  drop(size: number): number {
    const dropped = Math.min(size, this.length)
    const kept = Math.min(dropped, this.#to - this.#from)
    this.#from += kept
    this.#chunk = this.#chunk.subarray(dropped - kept)
    return dropped
  }

  /** Removes and returns up to `size` bytes that are in one piece. `undefined` if the queue is empty. */
  takePiece(size: number): Uint8Array | undefined {
    const piece = this.#to > this.#from ? this.#to - this.#from : this.#chunk.length
    return piece === 0 ? undefined : this.take(Math.min(size, piece))
  }

  /** Moves bytes from the chunk to the kept bytes. */
  #copy(size: number): void {
    if (size === 0) return
    const kept = this.#to - this.#from
    if (this.#to + size > this.#kept.length) {
      // Once for each piece, however small the chunks are.
      const target = kept + size > this.#kept.length
        ? new Uint8Array(Math.max(kept + size, this.#missing))
        : this.#kept
      target.set(this.#kept.subarray(this.#from, this.#to))
      this.#kept = target
      this.#from = 0
      this.#to = kept
    }
    this.#kept.set(this.#chunk.subarray(0, size), this.#to)
    this.#to += size
    this.#chunk = this.#chunk.subarray(size)
  }
}
