import { assert, it } from "@effect/vitest"
import type { PodResolver } from "@koredump/core"
import { Effect, Fiber, Logger, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import { withFallback } from "../../src/pods/withFallback.ts"

const pod = { podUid: "u", containerId: "c" }
const makeResolver = (resolve: PodResolver["Service"]["resolve"]) =>
  withFallback("tests", { resolve, updates: Effect.succeed(Stream.never), warnings: Effect.succeed(["a warning"]) })

/** Queries the resolver three times. Returns the answers and the log. */
const queryThrice = Effect.fnUntraced(function*(resolver: PodResolver["Service"]) {
  const lines: Array<string> = []
  const logger = Logger.make(({ fiber, message }) => {
    const { reason, resolver } = fiber.getRef(References.CurrentLogAnnotations)
    lines.push(`${message} ${resolver}: ${reason}`)
  })
  const answers = yield* Effect.forkChild(
    Effect.forEach([1, 2, 3], () => resolver.resolve(pod)).pipe(Effect.provide(Logger.layer([logger])))
  )
  yield* TestClock.adjust("2 seconds")
  return { answers: yield* Fiber.join(answers), lines }
})

let calls = 0

it.effect.each<readonly [string, PodResolver["Service"]["resolve"], object, RegExp]>([
  ["passes an answer on", () => Effect.succeed({ namespace: "shop" }), { namespace: "shop" }, /^$/],
  [
    "answers for a resolver that hangs",
    () => Effect.never,
    {},
    /^Pod resolver failed tests: no answer within 500 millis$/
  ],
  [
    "answers for a resolver with an internal error",
    () => Effect.suspend(() => Effect.die(new Error(`broken ${calls++}`))),
    {},
    /^Pod resolver failed tests: Error: broken 0/
  ]
])("withFallback %s", ([, resolve, answer, logged]) =>
  Effect.gen(function*() {
    const { answers, lines } = yield* queryThrice(makeResolver(resolve))
    assert.deepStrictEqual(answers, [answer, answer, answer])
    assert.match(lines.join("\n"), logged)
    assert.isAtMost(lines.length, 1)
    assert.deepStrictEqual(yield* makeResolver(resolve).warnings, ["a warning"])
  }))
