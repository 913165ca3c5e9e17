import { assert, it } from "@effect/vitest"
import type { PodResolver } from "@koredump/core"
import { Effect, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { isolated } from "../../src/pods/withFallback.ts"

const pod = { podUid: "u", containerId: "c" }
const answering = (resolve: PodResolver["Service"]["resolve"]) =>
  isolated("tests", { resolve, updates: Effect.succeed(Stream.never), warnings: Effect.succeed(["a right"]) })

/** What three questions are answered, and what is logged. */
const ask = Effect.fnUntraced(function*(resolver: PodResolver["Service"]) {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => {
    lines.push(String(message))
  })
  const answers = yield* Effect.forkChild(
    Effect.forEach([1, 2, 3], () => resolver.resolve(pod)).pipe(Effect.provide(Logger.layer([logger])))
  )
  yield* TestClock.adjust("2 seconds")
  return { answers: yield* Fiber.join(answers), lines }
})

it.effect.each<readonly [string, PodResolver["Service"]["resolve"], object, RegExp]>([
  ["an answer", () => Effect.succeed({ namespace: "shop" }), { namespace: "shop" }, /^$/],
  ["no answer", () => Effect.never, {}, /^Pods cannot be found out by tests,no answer$/],
  ["a defect", () => Effect.die(new Error("broken")), {}, /^Pods cannot be found out by tests,Error: broken/]
])("isolated: %s", ([, resolve, answer, logged]) =>
  Effect.gen(function*() {
    const { answers, lines } = yield* ask(answering(resolve))
    assert.deepStrictEqual(answers, [answer, answer, answer])
    assert.match(lines.join("\n"), logged)
    assert.isAtMost(lines.length, 1)
    assert.deepStrictEqual(yield* answering(resolve).warnings, ["a right"])
  }))
