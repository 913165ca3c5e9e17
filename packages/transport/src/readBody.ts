import type { ReadBody } from "@koredump/client/effect"
import { IncomingMessage } from "node:http"
import { findOwnBody, type OwnBody } from "./withOwnConnections.ts"

/** A body that arrives. */
interface ArrivingBody {
  /** Copies the bytes that are available, and returns their number. */
  readonly copy: (into: Uint8Array) => number
  /** Whether all bytes were copied. */
  readonly isComplete: () => boolean
  /** Whether no more bytes will arrive. */
  readonly isEnded: () => boolean
  /** Why it ended, if that is known. */
  readonly failure: () => unknown
  /** Sets what is called when bytes arrive or the body ends. */
  readonly onArrival: (wake: (() => void) | undefined) => void
}

/** Frees the memory of a buffer that was copied, if the buffer is all of its memory. */
const release = ({ buffer, byteLength, byteOffset }: Buffer): void => {
  if (byteOffset === 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

const fromIncomingMessage = (source: IncomingMessage): ArrivingBody => {
  let chunk: Buffer | null = null
  let consumed = 0
  let failure: unknown
  let wake: (() => void) | undefined
  for (const event of ["readable", "end", "close"]) source.on(event, () => wake?.())
  source.on("error", (error) => {
    failure = error
    wake?.()
  })
  return {
    copy: (into) => {
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
    },
    isComplete: () => source.readableEnded,
    isEnded: () => source.readableEnded || source.destroyed,
    failure: () => failure,
    onArrival: (callback) => wake = callback
  }
}

const fromOwnBody = ({ body, close, length }: OwnBody): ArrivingBody => {
  let left = length
  return {
    copy: (into) => {
      const bytes = body.copy(left < into.length ? into.subarray(0, left) : into)
      left -= bytes
      if (left === 0) close()
      return bytes
    },
    isComplete: () => left === 0,
    isEnded: () => left === 0 || body.isEnded,
    failure: () => body.failure,
    onArrival: (callback) => body.wake = callback
  }
}

const toArrivingBody = (source: unknown): ArrivingBody => {
  if (source instanceof IncomingMessage) return fromIncomingMessage(source)
  const own = typeof source === "object" && source !== null ? findOwnBody(source) : undefined
  if (own === undefined) throw new TypeError("readBody supports responses of the Node.js HTTP client only")
  return fromOwnBody(own)
}

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

/**
 * Reads bodies of the Node.js HTTP client, and those with their own connection, into the caller's buffers. A stream would
 * allocate 64 KiB for each read of the socket, and collecting this garbage would cost more than everything else in a
 * download.
 *
 * Throws a `TypeError` for responses of other HTTP clients.
 */
export const readBody: ReadBody = (response, { connectionLost, idleMillis, timedOut }) => {
  const body = toArrivingBody((response as { readonly source?: unknown }).source)

  const waitForData = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener("abort", abort)
        body.onArrival(undefined)
        end()
      }
      const abort = () => settle(() => reject(signal.reason))
      const timer = setTimeout(() => settle(() => reject(timedOut())), idleMillis)
      signal.addEventListener("abort", abort)
      body.onArrival(() => settle(resolve))
      if (signal.aborted) abort()
      else if (body.isEnded()) settle(resolve)
    })

  return async (into, signal) => {
    for (;;) {
      let done = body.copy(into)
      if (done > 0) {
        // Larger blocks cost less: add the bytes that arrive by the next turn of the event loop.
        while (done < into.length) {
          await nextTurn()
          const bytes = body.copy(into.subarray(done))
          if (bytes === 0) break
          done += bytes
        }
        return done
      }
      if (body.isComplete()) return 0
      if (body.isEnded()) throw connectionLost(body.failure())
      await waitForData(signal)
    }
  }
}
