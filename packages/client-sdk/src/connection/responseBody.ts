/** Reading the body of a response. */
import type { Problem } from "@koredump/core"
import { type Duration, Effect, Option, Stream } from "effect"
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

const bufferBytes = 64 * 1024

/** The body as a stream. Every chunk is in the same buffer, so it is valid only until the next one is pulled. */
export const streamReader = (read: BodyReader): Stream.Stream<Uint8Array, Problem> =>
  Stream.suspend(() => {
    const into = new Uint8Array(bufferBytes)
    return Stream.paginate(undefined, () =>
      Effect.map(
        Effect.tryPromise({ try: (signal) => read(into, signal), catch: (problem) => problem as Problem }),
        (bytes) => bytes === 0 ? [[], Option.none()] : [[into.subarray(0, bytes)], Option.some(undefined)]
      ))
  })
