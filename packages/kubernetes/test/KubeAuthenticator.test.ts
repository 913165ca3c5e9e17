import { assert, describe, it } from "@effect/vitest"
import { Authenticator } from "@koredump/core"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError } from "../src/KubeApi.ts"
import { type KubeAuthenticatorOptions, layerKubeAuthenticator } from "../src/KubeAuthenticator.ts"
import { failing, layerFakeApi } from "./support/api.ts"

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

/** Asks with the API server's answers; tells the reviews that were made. */
const asking = <A, E>(
  answer: (spec: Spec) => Effect.Effect<unknown, KubeApiError>,
  ask: (
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
  return Authenticator.use((authenticator) => ask((token) => authenticator.authenticate(Redacted.make(token)), reviews))
    .pipe(Effect.provide(layerKubeAuthenticator(options).pipe(Layer.provide(api))))
}

const nodeOnly = { audiences: ["koredump-node"], acceptApiServerAudience: false }
/** What an API server says of a token for `audience`. */
const tokenFor = (audience: string) => ({ audiences = ["https://kubernetes"] }: Spec) =>
  Effect.succeed(audiences.includes(audience) ? accepted([audience]) : unknown)

describe("layerKubeAuthenticator", () => {
  it.effect("tells whose token it is", () =>
    asking(
      tokenFor("koredump"),
      (authenticate) => Effect.map(authenticate("t"), (principal) => assert.deepStrictEqual(principal, user))
    ))

  it.effect.each<[string, KubeAuthenticatorOptions, string, string, number]>([
    ["for koredump", { audiences: ["koredump"], acceptApiServerAudience: true }, "koredump", "yes", 1],
    ["for the API server", { audiences: ["koredump"], acceptApiServerAudience: true }, "https://kubernetes", "yes", 2],
    ["for nodes, at the cluster", { audiences: ["koredump"], acceptApiServerAudience: true }, "koredump-node", "no", 2],
    ["for somebody else", { audiences: ["koredump"], acceptApiServerAudience: true }, "vault", "no", 2],
    ["for nodes, at a node", nodeOnly, "koredump-node", "yes", 1],
    ["for koredump, at a node", nodeOnly, "koredump", "no", 1],
    ["for the API server, at a node", nodeOnly, "https://kubernetes", "no", 1]
  ])(
    "a token %s",
    ([, options, audience, expected, count]) =>
      asking(tokenFor(audience), (authenticate, reviews) =>
        Effect.gen(function*() {
          const result = yield* Effect.result(authenticate("t"))
          assert.strictEqual(result._tag === "Success" ? "yes" : "no", expected)
          assert.strictEqual(result._tag === "Failure" ? result.failure._tag : "Unauthorized", "Unauthorized")
          assert.lengthOf(reviews, count)
        }), options)
  )

  it.effect.each<[string, unknown]>([
    ["another audience than was asked for", accepted(["vault"])],
    ["no audience: it knows none", { status: { authenticated: true, user } }],
    ["nobody's", { status: { authenticated: true, audiences: ["koredump-node"], user: { username: "" } } }],
    ["not authenticated", { status: { authenticated: false, audiences: ["koredump-node"], user } }]
  ])("is not convinced by an answer with %s", ([, answer]) =>
    asking(
      () => Effect.succeed(answer),
      (authenticate) =>
        Effect.map(Effect.flip(authenticate("t")), ({ _tag }) => assert.strictEqual(_tag, "Unauthorized")),
      nodeOnly
    ))

  it.effect("asks of one token once, however many bring it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      yield* asking(
        (spec) => Effect.andThen(Deferred.await(gate), tokenFor("koredump")(spec)),
        (authenticate, reviews) =>
          Effect.gen(function*() {
            const impatient = yield* Effect.forkChild(authenticate("t"))
            const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(authenticate("t")))
            yield* TestClock.adjust(0)
            yield* Fiber.interrupt(impatient)
            yield* Deferred.succeed(gate, undefined)
            for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).username, user.username)
            assert.lengthOf(reviews, 1)
            yield* authenticate("another")
            assert.lengthOf(reviews, 2)
          })
      )
    }))

  it.effect("believes a yes for 10 seconds, a no for 3", () =>
    Effect.gen(function*() {
      let valid = true
      yield* asking(
        (spec) => valid ? tokenFor("koredump-node")(spec) : Effect.succeed(unknown),
        (authenticate) =>
          Effect.gen(function*() {
            const ask = Effect.map(Effect.result(authenticate("t")), ({ _tag }) => _tag)
            assert.strictEqual(yield* ask, "Success")
            valid = false
            yield* TestClock.adjust("9 seconds")
            assert.strictEqual(yield* ask, "Success")
            yield* TestClock.adjust("1 second")
            assert.strictEqual(yield* ask, "Failure")
            valid = true
            yield* TestClock.adjust("2 seconds")
            assert.strictEqual(yield* ask, "Failure")
            yield* TestClock.adjust("1 second")
            assert.strictEqual(yield* ask, "Success")
          }),
        nodeOnly
      )
    }))

  it.effect.each(["", "a b", "a\nb", "tökén", "x".repeat(16 * 1024 + 1)])(
    "asks nobody about %j",
    (token) =>
      asking(
        () => Effect.die("asked"),
        (authenticate) =>
          Effect.map(Effect.flip(authenticate(token)), ({ _tag }) => assert.strictEqual(_tag, "Unauthorized"))
      )
  )

  it.effect.each<[KubeApiError["reason"], string]>([
    ["unreachable", "does not answer"],
    ["timeout", "does not answer"],
    ["unavailable", "does not answer"],
    ["unauthorized", "does not answer"],
    ["forbidden", "lacks the right to create tokenreviews.authentication.k8s.io"]
  ])("lets nobody in where it cannot ask (%s), and asks again", ([reason, why]) =>
    Effect.gen(function*() {
      let away = true
      const logged: Array<string> = []
      yield* asking(
        (spec) => away ? Effect.fail(failing(reason)) : tokenFor("koredump")(spec),
        (authenticate) =>
          Effect.gen(function*() {
            for (let i = 0; i < 3; i++) {
              const error = yield* Effect.flip(authenticate("t"))
              assert.strictEqual(error._tag, "NotReady")
              assert.include(error.detail, why)
            }
            assert.lengthOf(logged, 1)
            assert.include(logged[0], `it is ${reason}`)
            away = false
            assert.strictEqual((yield* authenticate("t")).username, user.username)
          })
      ).pipe(Effect.provide(Logger.layer([Logger.map(Logger.formatLogFmt, (line) => logged.push(line))])))
    }))

  it.effect("an answer that is no review lets nobody in", () =>
    asking(
      () => Effect.succeed({ kind: "Status" }),
      (authenticate) => Effect.map(Effect.flip(authenticate("t")), ({ _tag }) => assert.strictEqual(_tag, "NotReady"))
    ))

  it.effect("tells no token in what it fails with or logs", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const exit = yield* asking(
        () => Effect.fail(failing("rejected")),
        (authenticate) => Effect.exit(authenticate("s3cr3t-token"))
      ).pipe(Effect.provide(Logger.layer([Logger.map(Logger.formatJson, (line) => logged.push(line))])))
      assert.lengthOf(logged, 1)
      assert.notInclude(
        logged.join() + JSON.stringify(exit) + (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""),
        "s3cr3t"
      )
    }))
})
