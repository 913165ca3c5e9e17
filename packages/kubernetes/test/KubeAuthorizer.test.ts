import { assert, describe, it } from "@effect/vitest"
import { type AccessRequest, Authorizer, type Principal } from "@koredump/core"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError } from "../src/KubeApi.ts"
import { layerKubeAuthorizer } from "../src/KubeAuthorizer.ts"
import { failing, layerFakeApi } from "./support/api.ts"

const alice: Principal = { username: "alice", uid: "u-1", groups: ["dev"], extra: { scopes: ["a", "b"] } }
const list: AccessRequest = { verb: "list", resource: "coredumps", namespace: "shop" }

const asking = <A, E>(
  answer: () => Effect.Effect<unknown, KubeApiError>,
  ask: (isAllowed: Authorizer["Service"]["isAllowed"], specs: ReadonlyArray<unknown>) => Effect.Effect<A, E>
) => {
  const specs: Array<unknown> = []
  const api = layerFakeApi({
    create: (path, body) => {
      assert.strictEqual(path, "/apis/authorization.k8s.io/v1/subjectaccessreviews")
      // As it is sent.
      specs.push((JSON.parse(JSON.stringify(body)) as { readonly spec: unknown }).spec)
      return answer()
    }
  })
  return Authorizer.use(({ isAllowed }) => ask(isAllowed, specs)).pipe(
    Effect.provide(layerKubeAuthorizer.pipe(Layer.provide(api)))
  )
}

const allowed = Effect.succeed({ status: { allowed: true } })

describe("layerKubeAuthorizer", () => {
  it.effect.each<[string, Principal, AccessRequest, object]>([
    ["in a namespace", alice, { verb: "get", resource: "coredumps", subresource: "content", namespace: "shop" }, {
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
    ["in all", { username: "bob", groups: [] }, { verb: "watch", resource: "coredumps" }, {
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
    "asks for cores %s",
    ([, principal, request, spec]) =>
      asking(() => allowed, (isAllowed, specs) =>
        Effect.map(isAllowed(principal, request), (answer) => {
          assert.isTrue(answer)
          assert.deepStrictEqual(specs, [spec])
        }))
  )

  it.effect.each<[string, unknown, boolean]>([
    ["allowed", { allowed: true, reason: "RBAC: allowed by …" }, true],
    ["not allowed", { allowed: false }, false],
    ["denied", { allowed: true, denied: true }, false],
    ["an error on the way", { allowed: false, evaluationError: "role not found" }, false]
  ])(
    "%s",
    ([, status, expected]) =>
      asking(
        () => Effect.succeed({ status }),
        (isAllowed) => Effect.map(isAllowed(alice, list), (answer) => assert.strictEqual(answer, expected))
      )
  )

  it.effect("asks once for the same, and again for another principal, verb or namespace", () =>
    asking(() => allowed, (isAllowed, specs) =>
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
        const asks = [...others, ...others].map(([principal, request]) => isAllowed(principal, request))
        yield* Effect.all(asks, { concurrency: "unbounded" })
        assert.lengthOf(specs, others.length)
      })))

  it.effect("a right that was taken away works no longer than 10 seconds, one that was given after 3", () =>
    Effect.gen(function*() {
      let allowed = true
      yield* asking(() => Effect.sync(() => ({ status: { allowed } })), (isAllowed) =>
        Effect.gen(function*() {
          const ask = isAllowed(alice, list)
          assert.isTrue(yield* ask)
          allowed = false
          yield* TestClock.adjust("9 seconds")
          assert.isTrue(yield* ask)
          yield* TestClock.adjust("1 second")
          assert.isFalse(yield* ask)
          allowed = true
          yield* TestClock.adjust("3 seconds")
          assert.isTrue(yield* ask)
        }))
    }))

  it.effect("allows nothing where it cannot ask, and asks again", () =>
    Effect.gen(function*() {
      const answers = [Effect.fail(failing("forbidden")), Effect.succeed({ status: {} }), allowed]
      yield* asking(() => answers.shift()!, (isAllowed) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(isAllowed(alice, list))
          assert.strictEqual(error._tag, "NotReady")
          assert.include(error.detail, "lacks the right to create subjectaccessreviews.authorization.k8s.io")
          assert.strictEqual((yield* Effect.flip(isAllowed(alice, list)))._tag, "NotReady")
          assert.isTrue(yield* isAllowed(alice, list))
        }))
    }))
})
