/**
 * Sends a file on a Node `ServerResponse` by two reused buffers: while one block is being written, the next is read into
 * the other. This is faster than a stream, and than sendfile of common servers (see `bench/`).
 */
import { NodeHttpServerRequest } from "@effect/platform-node"
import type { ByteRange } from "@koredump/core"
import { Effect, Schema } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IncomingMessage, ServerResponse } from "node:http"

/** The transfer broke off: the file ended early, could not be read, or the client went. */
export class TransferError extends Schema.TaggedError<TransferError>()("TransferError", {
  reason: Schema.Literals(["short", "unreadable", "aborted"]),
  /** What the log is told. */
  detail: Schema.optionalKey(Schema.String)
}) {}

// Measured: 256 KiB reaches three quarters of the speed, 4 MiB no more.
const blockSize = 1024 * 1024

/** Node's response, where Node's HTTP/1 server serves the request. */
export const nodeResponseOf = (request: HttpServerRequest.HttpServerRequest): ServerResponse | undefined => {
  if (!(request.source instanceof IncomingMessage)) return undefined
  const response = NodeHttpServerRequest.toServerResponse(request)
  return response instanceof ServerResponse ? response : undefined
}

/**
 * For a body that breaks off. In HTTP/1.0 one without a length ends where its connection does, and only a reset tells
 * that this was not the end. Over TLS the missing `close_notify` does; over Unix sockets nothing can.
 */
export const resetHttp10 = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> =>
  Effect.sync(() => {
    const response = nodeResponseOf(request)
    const socket = response?.req.httpVersion === "1.0" ? response.socket : null
    if (socket !== null && socket.remoteAddress !== undefined && !("encrypted" in socket)) socket.resetAndDestroy()
  })

/** Fills some of the buffer and answers how many bytes it got; what it waits for may end with the signal. */
export type Read = (into: Uint8Array, position: number, signal: AbortSignal) => Promise<number>

/** What is at hand is sent: nothing waits until the buffer is full. */
const readSome = async (
  read: Read,
  ...[buffer, position, signal]: Parameters<Read>
): Promise<number> => {
  const bytes = await read(buffer, position, signal).catch((cause: unknown) => {
    throw new TransferError({ reason: "unreadable", ...(cause instanceof Error ? { detail: cause.message } : {}) })
  })
  if (bytes === 0) throw new TransferError({ reason: "short" })
  return bytes
}

/** Node calls no write or end back once the connection is closed: `signal` tells of that. */
const unlessAborted = (signal: AbortSignal, begin: (done: (error?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(new TransferError({ reason: "aborted" }))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    begin((error) => {
      signal.removeEventListener("abort", abort)
      if (error === undefined || error === null) resolve()
      else abort()
    })
  })

const send = async (
  response: ServerResponse,
  read: Read,
  { end, start }: ByteRange,
  sent: (bytes: number) => void,
  signal: AbortSignal
): Promise<void> => {
  const size = Math.min(blockSize, end - start)
  let current = Buffer.allocUnsafeSlow(size)
  let other: typeof current | undefined
  let position = start
  let length = size > 0 ? await readSome(read, current, position, signal) : 0
  while (position < end) {
    if (signal.aborted) throw new TransferError({ reason: "aborted" })
    position += length
    const left = Math.min(size, end - position)
    const block = current.subarray(0, length)
    if (left > 0) other ??= Buffer.allocUnsafeSlow(size)
    // Both must settle before the caller may close the file.
    const [written, next] = await Promise.allSettled([
      unlessAborted(signal, (done) => response.write(block, done)),
      other === undefined || left === 0 ? 0 : readSome(read, other.subarray(0, left), position, signal)
    ])
    if (written.status === "rejected") throw written.reason
    sent(position - start)
    if (next.status === "rejected") throw next.reason
    length = next.value
    if (other !== undefined) [current, other] = [other, current]
  }
  await unlessAborted(signal, (done) => response.end(done))
  if (response.destroyed && !response.writableFinished) throw new TransferError({ reason: "aborted" })
}

/**
 * Sends a part of a file on a response whose head is written. Whatever goes wrong, and interruption too, destroys the
 * connection: a client never sees a clean end of part of a file. Once the effect has ended the file is no longer read.
 */
export const sendFile = (
  response: ServerResponse,
  read: Read,
  range: ByteRange,
  sent: (bytes: number) => void
): Effect.Effect<void, TransferError> =>
  Effect.callback<void, TransferError>((resume) => {
    const controller = new AbortController()
    const close = () => controller.abort()
    response.once("close", close)
    const running = send(response, read, range, sent, controller.signal).then(
      () => {
        response.off("close", close)
        resume(Effect.void)
      },
      (cause) => {
        response.off("close", close)
        response.destroy()
        resume(Effect.fail(cause instanceof TransferError ? cause : new TransferError({ reason: "unreadable" })))
      }
    )
    return Effect.promise(() => {
      controller.abort()
      response.destroy()
      return running
    })
  })
