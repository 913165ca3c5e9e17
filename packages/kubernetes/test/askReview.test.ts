import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { makeAskReview } from "../src/askReview.ts"
import type { KubeApiError } from "../src/KubeApi.ts"
import { failing, fakeApi } from "./support/api.ts"

const kind = (name: string) => ({ path: `/${name}`, apiVersion: "v1", kind: name, resource: name })

describe("makeAskReview", () => {
  it.effect("a flood of one kind waits for its own slots, not for long, and holds up no other kind", () =>
    Effect.gen(function*() {
      let asked = 0
      const api = fakeApi({
        create: (path) =>
          path === "/TokenReview"
            ? Effect.suspend(() => {
              asked += 1
              return Effect.never
            })
            : Effect.succeed({ status: { allowed: true } })
      })
      const { ask: flood } = makeAskReview(api, kind("TokenReview"), Schema.Unknown)
      const { ask: other } = makeAskReview(api, kind("SubjectAccessReview"), Schema.Struct({ allowed: Schema.Boolean }))
      const waiting = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => Effect.flip(flood({})), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(asked, 32)
      assert.deepStrictEqual(yield* other({}), { allowed: true })
      yield* TestClock.adjust("1 second")
      const ends = yield* Fiber.join(waiting)
      assert.isTrue(ends.every(({ _tag }) => _tag === "NotReady"))
    }))

  it.effect("says why, from a review without an answer until one with", () =>
    Effect.gen(function*() {
      let answer: Effect.Effect<unknown, KubeApiError> = Effect.fail(failing("forbidden"))
      const api = fakeApi({ create: () => Effect.suspend(() => answer) })
      const { ask, degradedReason } = makeAskReview(api, kind("TokenReview"), Schema.Unknown)
      const said = "requests are refused, the API server cannot be asked who may do what: "
      assert.isUndefined(yield* degradedReason)
      yield* Effect.flip(ask({}))
      assert.strictEqual(
        yield* degradedReason,
        `${said}koredump lacks the right to create TokenReview. it is forbidden`
      )
      answer = Effect.fail(failing("unreachable"))
      yield* Effect.flip(ask({}))
      assert.strictEqual(yield* degradedReason, `${said}it is unreachable`)
      answer = Effect.succeed("?")
      yield* Effect.flip(ask({}))
      assert.strictEqual(yield* degradedReason, `${said}The API server's answer is no TokenReview.`)
      answer = Effect.succeed({ status: {} })
      yield* ask({})
      assert.isUndefined(yield* degradedReason)
    }))
})
