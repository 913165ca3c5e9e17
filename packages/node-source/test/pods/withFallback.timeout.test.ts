import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { withFallback } from "../../src/pods/withFallback.ts"

it.effect.each([[499, { namespace: "shop" }], [501, {}]] as const)(
  "withFallback waits up to 500 ms for an answer: after %i ms it is %j",
  ([millis, expected]) =>
    Effect.gen(function*() {
      const resolver = withFallback("tests", {
        resolve: () => Effect.delay(Effect.succeed({ namespace: "shop" }), millis),
        updates: Effect.succeed(Stream.never),
        warnings: Effect.succeed([])
      })
      const answer = yield* Effect.forkChild(resolver.resolve({ podUid: "u" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(answer), expected)
    })
)
