import { assert, describe, it } from "@effect/vitest"
import { Authenticator, maxTokenLength } from "@koredump/core"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError } from "../src/api/KubeApi.ts"
import { type KubeAuthenticatorOptions, layerKubeAuthenticator } from "../src/KubeAuthenticator.ts"
import { apiError, layerFakeApi } from "./support/api.ts"

interface Spec {
  readonly token: string
  readonly audiences?: ReadonlyArray<string>
}

const user = {
  username: "system:serviceaccount:shop:bot",
  uid: "u-1",
  groups: ["system:serviceaccounts", "system:authenticated"],
  extra: { "authentication.kubernetes.io/credential-id": ["JTI=1"] }
}
const accepted = (audiences: ReadonlyArray<string>) => ({ status: { authenticated: true, user, audiences } })
const unknown = { status: { user: {}, error: "invalid bearer token" } }

/** Runs a test with these answers of the Kubernetes API. Records the reviews. */
const withAnswers = <A, E>(
  answer: (spec: Spec) => Effect.Effect<unknown, KubeApiError>,
  use: (
    authenticate: (token: string) => ReturnType<Authenticator["Service"]["authenticate"]>,
    reviews: ReadonlyArray<Spec>
  ) => Effect.Effect<A, E>,
  options: KubeAuthenticatorOptions = { audiences: ["koredump"], acceptApiServerAudience: true }
) => {
  const reviews: Array<Spec> = []
  const api = layerFakeApi({
    create: (path, body) => {
      assert.strictEqual(path, "/apis/authentication.k8s.io/v1/tokenreviews")
      const { spec } = body as { readonly spec: Spec }
      reviews.push(spec)
      return answer(spec)
    }
  })
  return Authenticator.use((authenticator) => use((token) => authenticator.authenticate(Redacted.make(token)), reviews))
    .pipe(Effect.provide(layerKubeAuthenticator(options).pipe(Layer.provide(api))))
}

const nodeOnly = { audiences: ["koredump-node"], acceptApiServerAudience: false }
/** The answer of the Kubernetes API for a token with this audience. */
const tokenFor = (audience: string) => ({ audiences = ["https://kubernetes"] }: Spec) =>
  Effect.succeed(audiences.includes(audience) ? accepted([audience]) : unknown)

describe("layerKubeAuthenticator", () => {
  it.effect("returns the principal of a token", () =>
    withAnswers(
      tokenFor("koredump"),
      (authenticate) => Effect.map(authenticate("t"), (principal) => assert.deepStrictEqual(principal, user))
    ))

  it.effect.each<[string, KubeAuthenticatorOptions, string, string, number]>([
    [
      "for koredump at the cluster server",
      { audiences: ["koredump"], acceptApiServerAudience: true },
      "koredump",
      "accepted",
      1
    ],
    [
      "for the Kubernetes API at the cluster server",
      { audiences: ["koredump"], acceptApiServerAudience: true },
      "https://kubernetes",
      "accepted",
      2
    ],
    [
      "for nodes at the cluster server",
      { audiences: ["koredump"], acceptApiServerAudience: true },
      "koredump-node",
      "rejected",
      2
    ],
    [
      "for another service at the cluster server",
      { audiences: ["koredump"], acceptApiServerAudience: true },
      "vault",
      "rejected",
      2
    ],
    ["for nodes at a node agent", nodeOnly, "koredump-node", "accepted", 1],
    ["for koredump at a node agent", nodeOnly, "koredump", "rejected", 1],
    ["for the Kubernetes API at a node agent", nodeOnly, "https://kubernetes", "rejected", 1]
  ])(
    "accepts or rejects a token %s",
    ([, options, audience, expected, count]) =>
      withAnswers(tokenFor(audience), (authenticate, reviews) =>
        Effect.gen(function*() {
          const result = yield* Effect.result(authenticate("t"))
          assert.strictEqual(result._tag === "Success" ? "accepted" : "rejected", expected)
          assert.strictEqual(result._tag === "Failure" ? result.failure._tag : "Unauthorized", "Unauthorized")
          assert.lengthOf(reviews, count)
        }), options)
  )

  it.effect.each<[string, unknown]>([
    ["another audience", accepted(["vault"])],
    ["no audience, because the Kubernetes API does not support them", { status: { authenticated: true, user } }],
    ["an empty user name", { status: { authenticated: true, audiences: ["koredump-node"], user: { username: "" } } }],
    ["authenticated: false", { status: { authenticated: false, audiences: ["koredump-node"], user } }]
  ])("rejects an answer with %s", ([, answer]) =>
    withAnswers(
      () => Effect.succeed(answer),
      (authenticate) =>
        Effect.map(Effect.flip(authenticate("t")), ({ _tag }) => assert.strictEqual(_tag, "Unauthorized")),
      nodeOnly
    ))

  it.effect("shares one review between simultaneous requests with the same token", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      yield* withAnswers(
        (spec) => Effect.andThen(Deferred.await(gate), tokenFor("koredump")(spec)),
        (authenticate, reviews) =>
          Effect.gen(function*() {
            const interrupted = yield* Effect.forkChild(authenticate("t"))
            const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(authenticate("t")))
            yield* TestClock.adjust(0)
            yield* Fiber.interrupt(interrupted)
            yield* Deferred.succeed(gate, undefined)
            for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).username, user.username)
            assert.lengthOf(reviews, 1)
            yield* authenticate("another")
            assert.lengthOf(reviews, 2)
          })
      )
    }))

  it.effect("caches an accepted token for 10 seconds, a rejected one for 3 seconds", () =>
    Effect.gen(function*() {
      let valid = true
      yield* withAnswers(
        (spec) => valid ? tokenFor("koredump-node")(spec) : Effect.succeed(unknown),
        (authenticate) =>
          Effect.gen(function*() {
            const result = Effect.map(Effect.result(authenticate("t")), ({ _tag }) => _tag)
            assert.strictEqual(yield* result, "Success")
            valid = false
            yield* TestClock.adjust("9 seconds")
            assert.strictEqual(yield* result, "Success")
            yield* TestClock.adjust("1 second")
            assert.strictEqual(yield* result, "Failure")
            valid = true
            yield* TestClock.adjust("2 seconds")
            assert.strictEqual(yield* result, "Failure")
            yield* TestClock.adjust("1 second")
            assert.strictEqual(yield* result, "Success")
          }),
        nodeOnly
      )
    }))

  it.effect.each(["", "a b", "a\nb", "tökén", "x".repeat(maxTokenLength + 1)])(
    "rejects the token %j without a review",
    (token) =>
      withAnswers(
        () => Effect.die("unexpected review"),
        (authenticate) =>
          Effect.map(Effect.flip(authenticate(token)), ({ _tag }) => assert.strictEqual(_tag, "Unauthorized"))
      )
  )

  it.effect.each<[KubeApiError["reason"], string]>([
    ["unreachable", "does not answer"],
    ["timeout", "does not answer"],
    ["unavailable", "does not answer"],
    ["unauthorized", "does not answer"],
    ["forbidden", "koredump has no permission to create tokenreviews.authentication.k8s.io"]
  ])(
    "fails with NotReady if the review fails (%s), and retries with the next request",
    ([reason, why]) =>
      Effect.gen(function*() {
        let isFailing = true
        const logged: Array<string> = []
        yield* withAnswers(
          (spec) => isFailing ? Effect.fail(apiError(reason)) : tokenFor("koredump")(spec),
          (authenticate) =>
            Effect.gen(function*() {
              for (let i = 0; i < 3; i++) {
                const error = yield* Effect.flip(authenticate("t"))
                assert.strictEqual(error._tag, "NotReady")
                assert.include(error.detail, why)
              }
              assert.lengthOf(logged, 1)
              assert.include(logged[0], `The request is ${reason}.`)
              isFailing = false
              assert.strictEqual((yield* authenticate("t")).username, user.username)
            })
        ).pipe(Effect.provide(Logger.layer([Logger.map(Logger.formatLogFmt, (line) => logged.push(line))])))
      })
  )

  it.effect("fails with NotReady if the answer is not a review", () =>
    withAnswers(
      () => Effect.succeed({ kind: "Status" }),
      (authenticate) => Effect.map(Effect.flip(authenticate("t")), ({ _tag }) => assert.strictEqual(_tag, "NotReady"))
    ))

  it.effect("never includes a token in errors and logs", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const exit = yield* withAnswers(
        () => Effect.fail(apiError("rejected")),
        (authenticate) => Effect.exit(authenticate("s3cr3t-token"))
      ).pipe(Effect.provide(Logger.layer([Logger.map(Logger.formatJson, (line) => logged.push(line))])))
      assert.lengthOf(logged, 1)
      assert.notInclude(
        logged.join() + JSON.stringify(exit) + (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""),
        "s3cr3t"
      )
    }))
})
