import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { listPods } from "../../src/pods/listPods.ts"
import { fakeApi, page } from "../support/api.ts"

it.effect("does not follow a list without end", () =>
  Effect.gen(function*() {
    let requests = 0
    const api = fakeApi({
      get: () => {
        requests += 1
        return Effect.succeed(page([], "10", "more"))
      }
    })
    const failure = yield* Effect.flip(listPods(api, "/api/v1/pods", {}, () => Effect.succeedNone))
    assert.strictEqual(failure.message, "The Kubernetes API returned a list of pods with more than 2000 pages.")
    assert.strictEqual(requests, 2000)
  }))
