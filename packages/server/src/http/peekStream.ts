import { Cause, Effect, type Scope, Stream } from "effect"

/**
 * Waits for the first elements of a stream: a stream that fails at once can still be answered with a status of its own.
 * The answer is the whole stream, the first elements included.
 */
export const peekStream = Effect.fnUntraced(function*<A, E, R>(
  stream: Stream.Stream<A, E, R>
): Effect.fn.Return<Stream.Stream<A, E, R>, E, R | Scope.Scope> {
  const pull = yield* Stream.toPull(stream)
  return yield* pull.pipe(
    Effect.map((first) => Stream.concat(Stream.fromArray(first), Stream.fromPull(Effect.succeed(pull)))),
    Effect.catchIf(Cause.isDone, () => Effect.succeed(Stream.empty))
  ) as Effect.Effect<Stream.Stream<A, E, R>, E, R>
})
