import { assert, describe, it } from "@effect/vitest"
import { KubeApiError } from "../../src/api/KubeApi.ts"
import { needsBackoff, PodWatchPosition } from "../../src/pods/PodWatchPosition.ts"
import { apiError } from "../support/api.ts"

const reasons: ReadonlyArray<KubeApiError["reason"]> = KubeApiError.fields.reason.literals

describe("PodWatchPosition", () => {
  it("lists from the cache until a version is expired, and again after a stable watch", () => {
    const position = new PodWatchPosition(true)
    assert.strictEqual(position.listVersion, "0")
    position.onFailure(apiError("gone"))
    assert.isUndefined(position.listVersion)
    position.onStable()
    assert.strictEqual(position.listVersion, "0")
  })

  it("never lists from the cache unless allowed", () => {
    const position = new PodWatchPosition(false)
    position.onStable()
    assert.isUndefined(position.listVersion)
  })

  it.each(reasons)("after the failure %s, continues or lists again", (reason) => {
    const position = new PodWatchPosition(false)
    position.resourceVersion = "1"
    position.onFailure(apiError(reason))
    const isResumable = ["unreachable", "timeout", "too-many-requests", "unauthorized", "forbidden"].includes(reason)
    assert.strictEqual(position.resourceVersion, isResumable ? "1" : undefined)
  })

  it("continues after a watch with events only", () => {
    const position = new PodWatchPosition(false)
    position.resourceVersion = "1"
    position.onEnded(true)
    assert.strictEqual(position.resourceVersion, "1")
    position.onEnded(false)
    assert.isUndefined(position.resourceVersion)
  })
})

describe("needsBackoff", () => {
  const failure = apiError("unavailable")
  const gone = apiError("gone")
  it.each([
    ["a short watch", { lasted: 4999, hasListed: false, failure }, true],
    ["a short watch without a failure", { lasted: 0, hasListed: false, failure: undefined }, true],
    ["a stable watch", { lasted: 5000, hasListed: true, failure }, false],
    ["an expired version", { lasted: 0, hasListed: false, failure: gone }, false],
    ["a version that expired right after the list", { lasted: 0, hasListed: true, failure: gone }, true]
  ])("after %s", (_, watch, expected) => {
    assert.strictEqual(needsBackoff(watch), expected)
  })
})
