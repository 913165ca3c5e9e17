import { Cause, Effect, type Scope, Stream } from "effect"

/**
 * Waits for the first chunk of a stream and returns the whole stream. If the stream fails at once, the effect fails, so
 * that the response can still have its own status.
 */
export const awaitFirstChunk = Effect.fnUntraced(function*<A, E, R>(
  stream: Stream.Stream<A, E, R>
): Effect.fn.Return<Stream.Stream<A, E, R>, E, R | Scope.Scope> {
  const pull = yield* Stream.toPull(stream)
  return yield* pull.pipe(
    Effect.map((first) => Stream.concat(Stream.fromArray(first), Stream.fromPull(Effect.succeed(pull)))),
    Effect.catchIf(Cause.isDone, () => Effect.succeed(Stream.empty))
  ) as Effect.Effect<Stream.Stream<A, E, R>, E, R>
})
