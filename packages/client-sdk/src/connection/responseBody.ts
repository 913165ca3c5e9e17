/** Reading the body of a response. */
import type { Problem } from "@koredump/core"
import { type Duration, Stream } from "effect"
import type { HttpClientResponse } from "effect/http"
import { type ServerProblems, toReason } from "./responseProblems.ts"

/**
 * Fills some of the caller's buffer and resolves to the number of bytes, 0 at the end. Rejects with a problem, or with
 * the signal's reason.
 */
export type BodyReader = (into: Uint8Array, signal: AbortSignal) => Promise<number>

/** Reads the body of a response of one HTTP client into buffers of the caller. */
export type ReadBody = (response: HttpClientResponse.HttpClientResponse, options: {
  /** Longest time without data. */
  readonly idleMillis: number
  /** Makes the problem for that case. */
  readonly timedOut: () => Problem
  /** Makes the problem for a body that ends early. */
  readonly connectionLost: (cause: unknown) => Problem
}) => BodyReader

/** The body as a stream. Fails if the connection is lost or if no data comes for `idleTimeout`. */
export const streamBody = (
  response: HttpClientResponse.HttpClientResponse,
  idleTimeout: Duration.Input,
  { connectionLost, timedOut }: ServerProblems
): Stream.Stream<Uint8Array, Problem> =>
  response.stream.pipe(
    Stream.catch((error) =>
      error.reason._tag === "EmptyBodyError" ? Stream.empty : Stream.fail(connectionLost(toReason(error)))
    ),
    Stream.timeoutOrElse({ duration: idleTimeout, orElse: () => Stream.fail(timedOut()) })
  )
