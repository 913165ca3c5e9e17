/** Sends files on the `ServerResponse` of Node.js. */
import { NodeHttpServerRequest } from "@effect/platform-node"
import type { ReadBlock } from "@koredump/core"
import { Effect, Schema } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IncomingMessage, ServerResponse } from "node:http"

/** A transfer failed: the file ended early, it could not be read, or the client disconnected. */
export class TransferError extends Schema.TaggedError<TransferError>()("TransferError", {
  reason: Schema.Literals(["short", "unreadable", "aborted"]),
  /** For the log. */
  detail: Schema.optionalKey(Schema.String)
}) {}

/** The response of Node.js, if the request came from its HTTP/1 server. */
export const getNodejsResponse = (request: HttpServerRequest.HttpServerRequest): ServerResponse | undefined => {
  if (!(request.source instanceof IncomingMessage)) return undefined
  const response = NodeHttpServerRequest.toServerResponse(request)
  return response instanceof ServerResponse ? response : undefined
}

/**
 * Closes the connection of a response whose body failed. In HTTP/1.0, a body without a length ends when the connection is
 * closed, so only a reset shows that it is incomplete. With TLS, the missing `close_notify` shows it. On Unix sockets
 * nothing can.
 */
const abortResponse = (response: ServerResponse): void => {
  const socket = response.req.httpVersion === "1.0" ? response.socket : null
  if (socket !== null && socket.remoteAddress !== undefined && !("encrypted" in socket)) socket.resetAndDestroy()
  response.destroy()
}

/** Closes the connection of an HTTP/1.0 request whose body failed, as {@link sendFile} does. */
export const resetHttp10Connection = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> =>
  Effect.sync(() => {
    const response = getNodejsResponse(request)
    if (response?.req.httpVersion === "1.0") abortResponse(response)
  })

const toTransferError = (cause: unknown): TransferError =>
  new TransferError({ reason: "unreadable", ...(cause instanceof Error ? { detail: cause.message } : {}) })

/** Runs a write or an end. Node.js does not call back after the connection is closed, so the signal also ends the wait. */
const writeOrAbort = (signal: AbortSignal, write: (done: (error?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(new TransferError({ reason: "aborted" }))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    write((error) => {
      signal.removeEventListener("abort", abort)
      if (error === undefined || error === null) resolve()
      else abort()
    })
  })

const send = async (
  response: ServerResponse,
  read: ReadBlock,
  length: number | undefined,
  onProgress: (bytes: number) => void,
  signal: AbortSignal
): Promise<void> => {
  const next = () =>
    read(signal).catch((cause: unknown) => {
      throw signal.aborted ? new TransferError({ reason: "aborted" }) : toTransferError(cause)
    })
  let sent = 0
  let block = await next()
  while (block !== undefined) {
    const { length: bytes } = block
    // Both must settle before the caller can close the file.
    const [written, following] = await Promise.allSettled([
      writeOrAbort(signal, (done) => response.write(block, done)),
      next()
    ])
    if (written.status === "rejected") throw written.reason
    sent += bytes
    onProgress(sent)
    if (following.status === "rejected") throw following.reason
    block = following.value
  }
  if (length !== undefined && sent < length) throw new TransferError({ reason: "short" })
  await writeOrAbort(signal, (done) => response.end(done))
  if (response.destroyed && !response.writableFinished) throw new TransferError({ reason: "aborted" })
}

/**
 * Sends the blocks of a file on a response whose headers are already written: while one is written, the next one is read.
 * This is faster than a stream, and than sendfile in common servers (see `bench/`). With a `length`, fewer bytes are a
 * failure. `onProgress` gets the number of bytes sent so far.
 *
 * A failure or an interruption destroys the connection, so that an incomplete file never looks complete. After the effect
 * has ended, the file is no longer read.
 */
export const sendFile = (
  response: ServerResponse,
  read: ReadBlock,
  length: number | undefined,
  onProgress: (bytes: number) => void
): Effect.Effect<void, TransferError> =>
  Effect.callback<void, TransferError>((resume) => {
    const controller = new AbortController()
    const close = () => controller.abort()
    response.once("close", close)
    const running = send(response, read, length, onProgress, controller.signal).then(
      () => {
        response.off("close", close)
        resume(Effect.void)
      },
      (cause) => {
        response.off("close", close)
        abortResponse(response)
        resume(Effect.fail(cause instanceof TransferError ? cause : toTransferError(cause)))
      }
    )
    return Effect.promise(() => {
      controller.abort()
      abortResponse(response)
      return running
    })
  })
