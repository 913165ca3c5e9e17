import type { Socket } from "node:net"

/** Size of a buffer. Measured: 1 MiB is not faster. */
const bufferSize = 256 * 1024
/** Complete buffers that wait for their reader. Then the socket is paused. */
const maxComplete = 2
/** A rest of a buffer that is not worth a read. */
const minRead = 16 * 1024

/** Memory of a body: the buffer that is filled, those that wait, and one that is completed before the pause. */
export const socketBodyBytes = (maxComplete + 2) * bufferSize

/**
 * What a socket receives, in buffers that are used again. The kernel or TLS writes into them directly. The HTTP client of
 * Node.js would allocate a buffer for each 64 KiB, and pass each through its parser and two streams.
 */
export class SocketBody {
  #buffer = Buffer.allocUnsafeSlow(bufferSize)
  /** The bytes in the buffer that are not read yet. */
  #from = 0
  #to = 0
  readonly #complete: Array<Buffer<ArrayBuffer>> = []
  readonly #free: Array<Buffer<ArrayBuffer>> = []
  #socket: Socket | undefined
  #isPaused = false
  #isEnded = false
  #failure: unknown
  #wake: (() => void) | undefined

  /** The option `onread` for the socket. */
  readonly onread = {
    buffer: (): Uint8Array => {
      if (bufferSize - this.#to < minRead) {
        if (this.#to > this.#from) {
          this.#complete.push(this.#buffer.subarray(this.#from, this.#to))
          this.#buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferSize)
        }
        this.#from = this.#to = 0
      }
      return this.#buffer.subarray(this.#to)
    },
    callback: (bytes: number): boolean => {
      this.#to += bytes
      this.#wake?.()
      this.#isPaused = this.#complete.length >= maxComplete
      return !this.#isPaused
    }
  }

  /** Follows the end of the socket that has the option {@link onread}. */
  attach(socket: Socket): void {
    this.#socket = socket
    socket.on("error", (error) => this.#failure = error)
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#isEnded = true
        this.#wake?.()
      })
    }
  }

  /** Number of bytes received that are not copied. */
  get length(): number {
    return this.#complete.reduce((sum, { length }) => sum + length, this.#to - this.#from)
  }

  /** Whether nothing more will arrive. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Why the connection ended, if it failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Removes and returns the head of a response, without the empty line at its end. Undefined if it is not complete. */
  takeHead(): string | undefined {
    const received = this.#buffer.subarray(this.#from, this.#to)
    const end = received.indexOf("\r\n\r\n")
    if (end === -1) return undefined
    this.#from += end + 4
    return received.toString("latin1", 0, end)
  }

  /** Copies the bytes that are available, and returns their number. */
  copy(into: Uint8Array): number {
    let done = 0
    while (done < into.length) {
      const complete = this.#complete[0]
      const part = complete ?? this.#buffer.subarray(this.#from, this.#to)
      const bytes = Math.min(part.length, into.length - done)
      if (bytes === 0) break
      into.set(bytes === part.length ? part : part.subarray(0, bytes), done)
      done += bytes
      if (complete === undefined) this.#from += bytes
      else if (bytes < part.length) this.#complete[0] = part.subarray(bytes)
      else this.#recycle(complete)
    }
    if (this.#isPaused && this.#complete.length < maxComplete) {
      this.#isPaused = false
      this.#socket?.resume()
    }
    return done
  }

  /** Calls back once, when something arrives or the connection ends. */
  set wake(wake: (() => void) | undefined) {
    this.#wake = wake
  }

  #recycle({ buffer }: Buffer<ArrayBuffer>): void {
    this.#complete.shift()
    if (this.#free.length <= maxComplete) this.#free.push(Buffer.from(buffer))
  }
}
