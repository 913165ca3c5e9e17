/**
 * Bodies of Node's HTTP client into the caller's buffers. A large body as a stream leaves a buffer of 64 KiB behind for
 * each read of the socket, which the garbage collector then has to find: more work than all else together.
 */
import { IncomingMessage } from "node:http"
import type { ReadBody } from "../Transport.ts"

/** Gives the memory of bytes that were copied back at once, where they are all that there is in it. */
const release = ({ buffer, byteLength, byteOffset }: Buffer): void => {
  if (byteOffset === 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** See the module's text. Of an answer that is not from Node's client it is a defect. */
export const readBody: ReadBody = (response, { broken, idleMillis, timedOut }) => {
  const source = (response as { readonly source?: unknown }).source
  if (!(source instanceof IncomingMessage)) throw new TypeError("not an answer of Node's HTTP client")
  let chunk: Buffer | null = null
  let taken = 0
  let failure: unknown
  let wake: (() => void) | undefined
  for (const event of ["readable", "end", "close"]) source.on(event, () => wake?.())
  source.on("error", (error) => {
    failure = error
    wake?.()
  })

  /** Copies what is there; answers how many bytes that were. */
  const take = (into: Uint8Array): number => {
    let done = 0
    while (done < into.length) {
      chunk ??= source.read() as Buffer | null
      if (chunk === null) return done
      const bytes = Math.min(chunk.length - taken, into.length - done)
      into.set(bytes === chunk.length ? chunk : chunk.subarray(taken, taken + bytes), done)
      done += bytes
      taken += bytes
      if (taken < chunk.length) return done
      release(chunk)
      chunk = null
      taken = 0
    }
    return done
  }

  const more = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(late)
        signal.removeEventListener("abort", abort)
        wake = undefined
        end()
      }
      const abort = () => settle(() => reject(signal.reason))
      const late = setTimeout(() => settle(() => reject(timedOut())), idleMillis)
      signal.addEventListener("abort", abort)
      wake = () => settle(resolve)
      if (signal.aborted) abort()
      else if (source.readableEnded || source.destroyed) wake()
    })

  return async (into, signal) => {
    for (;;) {
      let done = take(into)
      if (done > 0) {
        // Larger blocks cost less: what the next turn brings is taken along, and nothing waited for.
        while (done < into.length) {
          await nextTurn()
          const bytes = take(into.subarray(done))
          if (bytes === 0) break
          done += bytes
        }
        return done
      }
      if (source.readableEnded) return 0
      if (source.destroyed) throw broken(failure)
      await more(signal)
    }
  }
}
