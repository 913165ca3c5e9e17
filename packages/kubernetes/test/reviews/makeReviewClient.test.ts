import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError } from "../../src/api/KubeApi.ts"
import { makeReviewClient } from "../../src/reviews/makeReviewClient.ts"
import { apiError, fakeApi } from "../support/api.ts"

const kind = (name: string) => ({ path: `/${name}`, apiVersion: "v1", kind: name, resource: name })

describe("makeReviewClient", () => {
  it.effect("limits reviews of one kind without delaying other kinds", () =>
    Effect.gen(function*() {
      let requests = 0
      const api = fakeApi({
        create: (path) =>
          path === "/TokenReview"
            ? Effect.suspend(() => {
              requests += 1
              return Effect.never
            })
            : Effect.succeed({ status: { allowed: true } })
      })
      const { review: flood } = makeReviewClient(api, kind("TokenReview"), Schema.Unknown)
      const { review: other } = makeReviewClient(
        api,
        kind("SubjectAccessReview"),
        Schema.Struct({ allowed: Schema.Boolean })
      )
      const waiting = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => Effect.flip(flood({})), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(requests, 32)
      assert.deepStrictEqual(yield* other({}), { allowed: true })
      yield* TestClock.adjust("1 second")
      const ends = yield* Fiber.join(waiting)
      assert.isTrue(ends.every(({ _tag }) => _tag === "NotReady"))
    }))

  it.effect("has a degraded reason from a failed review until an answered one", () =>
    Effect.gen(function*() {
      let answer: Effect.Effect<unknown, KubeApiError> = Effect.fail(apiError("forbidden"))
      const api = fakeApi({ create: () => Effect.suspend(() => answer) })
      const { degradedReason, review } = makeReviewClient(api, kind("TokenReview"), Schema.Unknown)
      const prefix = "Requests are rejected, access reviews fail: "
      assert.isUndefined(yield* degradedReason)
      yield* Effect.flip(review({}))
      assert.strictEqual(
        yield* degradedReason,
        `${prefix}koredump has no permission to create TokenReview. The request is forbidden. ` +
          "Bind the ClusterRole system:auth-delegator to its service account, or set rbac.create in the Helm chart."
      )
      answer = Effect.fail(apiError("unreachable"))
      yield* Effect.flip(review({}))
      assert.strictEqual(yield* degradedReason, `${prefix}The request is unreachable.`)
      answer = Effect.succeed("?")
      yield* Effect.flip(review({}))
      assert.strictEqual(yield* degradedReason, `${prefix}The Kubernetes API did not return a valid TokenReview.`)
      answer = Effect.succeed({ status: {} })
      yield* review({})
      assert.isUndefined(yield* degradedReason)
    }))
})
