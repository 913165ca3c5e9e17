import { assert, describe, it } from "@effect/vitest"
import { FairQueue } from "@koredump/core"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError } from "../../src/api/KubeApi.ts"
import { makeReviewClient } from "../../src/reviews/makeReviewClient.ts"
import { apiError, fakeApi } from "../support/api.ts"
import { readCounters } from "../support/metrics.ts"

const kind = (name: string) => ({ path: `/${name}`, apiVersion: "v1", kind: name, resource: name })

describe("makeReviewClient", () => {
  it.effect("fails if a review has no turn within 10 seconds", () =>
    Effect.gen(function*() {
      let requests = 0
      const api = fakeApi({
        create: () =>
          Effect.suspend(() => {
            requests += 1
            return Effect.never
          })
      })
      const { review } = makeReviewClient(api, kind("TokenReview"), Schema.Unknown)
      const queue = new FairQueue({ capacity: 2, maxWaitingPerKey: 3 })
      const waiting = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 6 }), () => Effect.flip(review({}, queue, "a")), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(requests, 2)
      yield* TestClock.adjust("1 second")
      const ends = (yield* Fiber.join(waiting)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(ends, [...Array.from({ length: 5 }, () => "NotReady"), "QueueFull"])
    }))

  it.effect("counts what it sends, what fails and what cannot wait", () =>
    Effect.gen(function*() {
      const answers = [Effect.succeed({ status: {} }), Effect.fail(apiError("timeout"))]
      const { countRefusal, review } = makeReviewClient(
        fakeApi({ create: () => answers.shift()! }),
        kind("Counted"),
        Schema.Unknown
      )
      const queue = new FairQueue({ capacity: 1, maxWaitingPerKey: 0 })
      yield* review({}, queue, "a")
      yield* Effect.flip(review({}, queue, "a"))
      yield* Effect.flip(queue.run("a", review({}, queue, "a")))
      yield* countRefusal
      assert.deepStrictEqual(yield* readCounters("Counted"), {
        "koredump_kubernetes_reviews_total answered=true": 1,
        "koredump_kubernetes_reviews_total answered=false": 1,
        koredump_kubernetes_reviews_refused_total: 2
      })
    }))

  it.effect("has a degraded reason from a failed review until an answered one", () =>
    Effect.gen(function*() {
      let answer: Effect.Effect<unknown, KubeApiError> = Effect.fail(apiError("forbidden"))
      const api = fakeApi({ create: () => Effect.suspend(() => answer) })
      const { degradedReason, review } = makeReviewClient(api, kind("TokenReview"), Schema.Unknown)
      const queue = new FairQueue({ capacity: 1 })
      const prefix = "Requests are rejected, access reviews fail: "
      assert.isUndefined(yield* degradedReason)
      yield* Effect.flip(review({}, queue, "a"))
      assert.strictEqual(
        yield* degradedReason,
        `${prefix}koredump has no permission to create TokenReview. The request is forbidden. ` +
          "Bind the ClusterRole system:auth-delegator to its service account, or set rbac.create in the Helm chart."
      )
      answer = Effect.fail(apiError("unreachable"))
      yield* Effect.flip(review({}, queue, "a"))
      assert.strictEqual(yield* degradedReason, `${prefix}The request is unreachable.`)
      answer = Effect.succeed("?")
      yield* Effect.flip(review({}, queue, "a"))
      assert.strictEqual(yield* degradedReason, `${prefix}The Kubernetes API did not return a valid TokenReview.`)
      answer = Effect.succeed({ status: {} })
      yield* review({}, queue, "a")
      assert.isUndefined(yield* degradedReason)
    }))
})
