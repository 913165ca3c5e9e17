import { assert, describe, it } from "@effect/vitest"
import { type AccessRequest, Authorizer, type Principal } from "@koredump/core"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError } from "../src/api/KubeApi.ts"
import { layerKubeAuthorizer } from "../src/KubeAuthorizer.ts"
import { apiError, layerFakeApi } from "./support/api.ts"

const alice: Principal = { username: "alice", uid: "u-1", groups: ["dev"], extra: { scopes: ["a", "b"] } }
const list: AccessRequest = { verb: "list", resource: "coredumps", namespace: "shop" }

const withAnswer = <A, E>(
  answer: () => Effect.Effect<unknown, KubeApiError>,
  use: (isAllowed: Authorizer["Service"]["isAllowed"], specs: ReadonlyArray<unknown>) => Effect.Effect<A, E>
) => {
  const specs: Array<unknown> = []
  const api = layerFakeApi({
    create: (path, body) => {
      assert.strictEqual(path, "/apis/authorization.k8s.io/v1/subjectaccessreviews")
      // As JSON, like in the request.
      specs.push((JSON.parse(JSON.stringify(body)) as { readonly spec: unknown }).spec)
      return answer()
    }
  })
  return Authorizer.use(({ isAllowed }) => use(isAllowed, specs)).pipe(
    Effect.provide(layerKubeAuthorizer.pipe(Layer.provide(api)))
  )
}

const allowed = Effect.succeed({ status: { allowed: true } })

describe("layerKubeAuthorizer", () => {
  it.effect.each<[string, Principal, AccessRequest, object]>([
    ["of a namespace", alice, { verb: "get", resource: "coredumps", subresource: "content", namespace: "shop" }, {
      user: "alice",
      uid: "u-1",
      groups: ["dev"],
      extra: { scopes: ["a", "b"] },
      resourceAttributes: {
        group: "koredump.dev",
        version: "v1alpha1",
        resource: "coredumps",
        subresource: "content",
        verb: "get",
        namespace: "shop"
      }
    }],
    ["of all namespaces", { username: "bob", groups: [] }, { verb: "watch", resource: "coredumps" }, {
      user: "bob",
      groups: [],
      resourceAttributes: { group: "koredump.dev", version: "v1alpha1", resource: "coredumps", verb: "watch" }
    }],
    ["of nodes", { username: "bob", groups: [] }, { verb: "delete", resource: "nodecoredumps" }, {
      user: "bob",
      groups: [],
      resourceAttributes: { group: "koredump.dev", version: "v1alpha1", resource: "nodecoredumps", verb: "delete" }
    }]
  ])(
    "requests a review for cores %s",
    ([, principal, request, spec]) =>
      withAnswer(() => allowed, (isAllowed, specs) =>
        Effect.map(isAllowed(principal, request), (answer) => {
          assert.isTrue(answer)
          assert.deepStrictEqual(specs, [spec])
        }))
  )

  it.effect.each<[string, unknown, boolean]>([
    ["allowed", { allowed: true, reason: "RBAC: allowed by …" }, true],
    ["not allowed", { allowed: false }, false],
    ["denied", { allowed: true, denied: true }, false],
    ["not evaluated because of an error", { allowed: false, evaluationError: "role not found" }, false]
  ])(
    "decides a review that is %s",
    ([, status, expected]) =>
      withAnswer(
        () => Effect.succeed({ status }),
        (isAllowed) => Effect.map(isAllowed(alice, list), (answer) => assert.strictEqual(answer, expected))
      )
  )

  it.effect("shares reviews only for the same principal, verb and namespace", () =>
    withAnswer(() => allowed, (isAllowed, specs) =>
      Effect.gen(function*() {
        const others: ReadonlyArray<[Principal, AccessRequest]> = [
          [alice, list],
          [{ ...alice, username: "bob" }, list],
          [{ ...alice, groups: ["dev", "ops"] }, list],
          [{ ...alice, extra: { scopes: ["a"] } }, list],
          [alice, { ...list, verb: "watch" }],
          [alice, { ...list, namespace: "other" }],
          [alice, { verb: "list", resource: "coredumps" }]
        ]
        const requests = [...others, ...others].map(([principal, request]) => isAllowed(principal, request))
        yield* Effect.all(requests, { concurrency: "unbounded" })
        assert.lengthOf(specs, others.length)
      })))

  it.effect("applies a revoked permission after 10 seconds, a granted one after 3 seconds", () =>
    Effect.gen(function*() {
      let allowed = true
      yield* withAnswer(() => Effect.sync(() => ({ status: { allowed } })), (isAllowed) =>
        Effect.gen(function*() {
          const request = isAllowed(alice, list)
          assert.isTrue(yield* request)
          allowed = false
          yield* TestClock.adjust("9 seconds")
          assert.isTrue(yield* request)
          yield* TestClock.adjust("1 second")
          assert.isFalse(yield* request)
          allowed = true
          yield* TestClock.adjust("3 seconds")
          assert.isTrue(yield* request)
        }))
    }))

  it.effect("fails with NotReady if the review fails, and retries with the next request", () =>
    Effect.gen(function*() {
      const answers = [Effect.fail(apiError("forbidden")), Effect.succeed({ status: {} }), allowed]
      yield* withAnswer(() => answers.shift()!, (isAllowed) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(isAllowed(alice, list))
          assert.strictEqual(error._tag, "NotReady")
          assert.include(error.detail, "koredump has no permission to create subjectaccessreviews.authorization.k8s.io")
          assert.strictEqual((yield* Effect.flip(isAllowed(alice, list)))._tag, "NotReady")
          assert.isTrue(yield* isAllowed(alice, list))
        }))
    }))
})
