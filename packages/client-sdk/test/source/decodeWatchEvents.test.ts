import { assert, describe, it } from "@effect/vitest"
import { NodeFailed } from "@koredump/core"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { nodeLimits, type ResponseLimits, toClientLimits } from "../../src/connection/responseLimits.ts"
import { decodeWatchEvents } from "../../src/source/decodeWatchEvents.ts"

const encoder = new TextEncoder()

const decode = (limits: ResponseLimits, body: Stream.Stream<Uint8Array>) =>
  decodeWatchEvents({ limits, invalidResponse: (detail) => new NodeFailed({ detail }) })(body)

const failure = (text: string) =>
  Effect.map(
    Effect.flip(Stream.runDrain(decode(nodeLimits, Stream.succeed(encoder.encode(text))))),
    ({ detail }) => detail
  )

const line = (core: string) => `{"type":"ADDED","object":${core}}\n`

describe("a watch of a node", () => {
  it.effect.each<[string, string, string]>([
    ["nested too deeply", line("{\"a\":".repeat(1000)), "nesting deeper than 64 levels"],
    ["of too many values", line(`{"a":[${"[],".repeat(100_000)}[]]}`), "more than 1024 values"],
    ["of too many fields", line(`{${"\"a\":1,".repeat(100_000)}"a":1}`), "more than 1024 values"],
    ["that is too long", line(`"${"x".repeat(1024 * 1024)}"`), "more than 1048576 bytes"],
    ["that never ends", "x".repeat(1024 * 1024 + 1), "more than 1048576 bytes"],
    ["that is cut", "{\"type\":", "invalid JSON"]
  ])("fails at a line %s", ([, text, reason]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* failure(text), `sent an invalid watch event (${reason}).`)
    }))

  it.effect("has a burst of 32 MiB, then a MiB per second", () =>
    Effect.gen(function*() {
      const chunk = encoder.encode(
        `{"type":"BOOKMARK","object":{"resourceVersion":"${"x".repeat(1000 * 1024)}"}}\n`
      )
      const count = (limits: ResponseLimits, seconds: number) =>
        Effect.gen(function*() {
          let events = 0
          const fiber = yield* decode(limits, Stream.forever(Stream.succeed(chunk))).pipe(
            Stream.take(100),
            Stream.runForEach(() => Effect.sync(() => void (events += 1))),
            Effect.forkChild({ startImmediately: true })
          )
          yield* TestClock.adjust(`${seconds} seconds`)
          yield* Fiber.interrupt(fiber)
          return events
        })
      assert.closeTo(yield* count(nodeLimits, 0), 32, 2)
      assert.closeTo(yield* count(nodeLimits, 10), 42, 2)
      assert.strictEqual(yield* count(toClientLimits(), 0), 100)
    }))
})
