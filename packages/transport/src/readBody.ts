import type { ReadBody } from "@koredump/client/effect"
import { IncomingMessage } from "node:http"

/** Frees the memory of a buffer that was copied, if the buffer is all of its memory. */
const release = ({ buffer, byteLength, byteOffset }: Buffer): void => {
  if (byteOffset === 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

/**
 * Reads bodies of the Node.js HTTP client into the caller's buffers. A stream would allocate 64 KiB for each read of the
 * socket, and collecting this garbage would cost more than everything else in a download.
 *
 * Throws a `TypeError` for responses of other HTTP clients.
 */
export const readBody: ReadBody = (response, { connectionLost, idleMillis, timedOut }) => {
  const source = (response as { readonly source?: unknown }).source
  if (!(source instanceof IncomingMessage)) {
    throw new TypeError("readBody supports responses of the Node.js HTTP client only")
  }
  let chunk: Buffer | null = null
  let consumed = 0
  let failure: unknown
  let wake: (() => void) | undefined
  for (const event of ["readable", "end", "close"]) source.on(event, () => wake?.())
  source.on("error", (error) => {
    failure = error
    wake?.()
  })

  /** Copies the bytes that are available, and returns their number. */
  const copyAvailable = (into: Uint8Array): number => {
    let done = 0
    while (done < into.length) {
      chunk ??= source.read() as Buffer | null
      if (chunk === null) return done
      const bytes = Math.min(chunk.length - consumed, into.length - done)
      into.set(bytes === chunk.length ? chunk : chunk.subarray(consumed, consumed + bytes), done)
      done += bytes
      consumed += bytes
      if (consumed < chunk.length) return done
      release(chunk)
      chunk = null
      consumed = 0
    }
    return done
  }

  const waitForData = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener("abort", abort)
        wake = undefined
        end()
      }
      const abort = () => settle(() => reject(signal.reason))
      const timer = setTimeout(() => settle(() => reject(timedOut())), idleMillis)
      signal.addEventListener("abort", abort)
      wake = () => settle(resolve)
      if (signal.aborted) abort()
      else if (source.readableEnded || source.destroyed) wake()
    })

  return async (into, signal) => {
    for (;;) {
      let done = copyAvailable(into)
      if (done > 0) {
        // Larger blocks cost less: add the bytes that arrive by the next turn of the event loop.
        while (done < into.length) {
          await nextTurn()
          const bytes = copyAvailable(into.subarray(done))
          if (bytes === 0) break
          done += bytes
        }
        return done
      }
      if (source.readableEnded) return 0
      if (source.destroyed) throw connectionLost(failure)
      await waitForData(signal)
    }
  }
}
