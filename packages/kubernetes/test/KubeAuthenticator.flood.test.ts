/** Made-up tokens must neither flood the Kubernetes API nor delay other callers. */
import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type TokenOrigin } from "@koredump/core"
import { Clock, Effect, Fiber, Layer, Redacted, Schedule, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { layerKubeAuthenticator } from "../src/KubeAuthenticator.ts"
import { layerFakeApi } from "./support/api.ts"
import { readCounters } from "./support/metrics.ts"

const reviewMillis = 50

const toOrigin = (remoteAddress: string | undefined): TokenOrigin =>
  remoteAddress === undefined ? {} : { remoteAddress }

/** A Kubernetes API that needs 50 ms for a review, and accepts tokens that start with "good". */
const withSlowApi = <A, E>(
  use: (
    authenticate: (token: string, remoteAddress?: string) => ReturnType<Authenticator["Service"]["authenticate"]>,
    reviews: { total: number; running: number; maxRunning: number }
  ) => Effect.Effect<A, E, Scope.Scope>
) => {
  const reviews = { total: 0, running: 0, maxRunning: 0 }
  const api = layerFakeApi({
    create: (_, body) =>
      Effect.gen(function*() {
        reviews.total += 1
        reviews.running += 1
        reviews.maxRunning = Math.max(reviews.maxRunning, reviews.running)
        yield* Effect.sleep(reviewMillis)
        const { token } = (body as { readonly spec: { readonly token: string } }).spec
        const user = token.split("-")[1]
        return {
          status: token.startsWith("good")
            ? { authenticated: true, audiences: ["koredump"], user: { username: user } }
            : {}
        }
      }).pipe(Effect.ensuring(Effect.sync(() => {
        reviews.running -= 1
      })))
  })
  return Authenticator.use((authenticator) =>
    use((token, address) => authenticator.authenticate(Redacted.make(token), toOrigin(address)), reviews)
  ).pipe(
    Effect.provide(
      layerKubeAuthenticator({ audiences: ["koredump"], acceptApiServerAudience: true }).pipe(Layer.provide(api))
    )
  )
}

/** Runs an effect while time passes. Returns its outcome and the time. */
const measure = <A, E extends { readonly _tag: string }>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(
      Effect.match(effect, { onFailure: ({ _tag }) => _tag, onSuccess: () => "accepted" }),
      { startImmediately: true }
    )
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
    return { outcome: yield* Fiber.join(fiber), millis: (yield* Clock.currentTimeMillis) - start }
  })

/** Threads that send made-up tokens, each after the answer to the one before, until the test ends. */
const flood = (
  authenticate: (token: string, remoteAddress?: string) => ReturnType<Authenticator["Service"]["authenticate"]>,
  threads: number,
  toAddress: (thread: number) => string
) => {
  const outcomes = new Map<string, number>()
  return Effect.as(
    Effect.forEach(Array.from({ length: threads }, (_, i) => i), (thread) => {
      let n = 0
      return Effect.suspend(() => Effect.flip(authenticate(`bad-${thread}-${n++}`, toAddress(thread)))).pipe(
        Effect.tap(({ _tag }) => Effect.sync(() => outcomes.set(_tag, (outcomes.get(_tag) ?? 0) + 1))),
        Effect.repeat(Schedule.spaced("1 second")),
        Effect.forkScoped({ startImmediately: true })
      )
    }),
    outcomes
  )
}

describe("a flood of made-up tokens", () => {
  it.effect(
    "from one address causes few reviews, and delays nobody with another address or a known token",
    () =>
      withSlowApi((authenticate, reviews) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* measure(authenticate("good-ann", "10.0.0.1")), {
            outcome: "accepted",
            millis: 50
          })
          reviews.total = 0
          const outcomes = yield* flood(authenticate, 400, () => "10.0.0.1")
          for (let second = 0; second < 12; second++) {
            yield* TestClock.adjust("1 second")
            // Known, from the same address: from the cache, or reviewed again after 10 seconds.
            const ann = yield* measure(authenticate("good-ann", "10.0.0.1"))
            assert.strictEqual(ann.outcome, "accepted")
            assert.isAtMost(ann.millis, reviewMillis)
            // Never seen before, from another address.
            const bob = yield* measure(authenticate(`good-bob-${second}`, "10.0.0.2"))
            assert.deepStrictEqual(bob, { outcome: "accepted", millis: reviewMillis })
          }
          assert.isAtMost(reviews.maxRunning, 8 + 4)
          // 100 at once and 10 a second, each with two reviews, those that waited, and the reviews of ann and bob.
          assert.isAtMost(reviews.total, 2 * (100 + 10 * 14 + 72) + 20)
          assert.isAbove(outcomes.get("TooManyRequests")!, 3000)
          const counters = yield* readCounters("TokenReview")
          assert.isAtLeast(counters["koredump_kubernetes_reviews_refused_total"]!, outcomes.get("TooManyRequests")!)
          assert.isAtLeast(counters["koredump_kubernetes_review_cache_hits_total"]!, 8)
        })
      )
  )

  it.effect(
    "from many addresses leaves capacity for known tokens",
    () =>
      withSlowApi((authenticate, reviews) =>
        Effect.gen(function*() {
          yield* measure(authenticate("good-ann", "10.0.0.1"))
          reviews.maxRunning = 0
          yield* flood(authenticate, 400, (thread) => `10.1.0.${thread % 100}`)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(reviews.maxRunning, 16)
          assert.deepStrictEqual(yield* measure(authenticate("good-ann", "10.0.0.1")), {
            outcome: "accepted",
            millis: 50
          })
          // A new token from another address gets its turn before most of those that wait.
          const bob = yield* measure(authenticate("good-bob", "10.0.0.2"))
          assert.strictEqual(bob.outcome, "accepted")
          assert.isAtMost(bob.millis, 10 * reviewMillis)
        })
      )
  )

  it.effect("by clients that disconnect causes no more reviews", () =>
    withSlowApi((authenticate, reviews) =>
      Effect.gen(function*() {
        for (let i = 0; i < 2000; i++) {
          const fiber = yield* Effect.forkChild(Effect.result(authenticate(`bad-${i}`, "10.0.0.1")), {
            startImmediately: true
          })
          yield* TestClock.adjust("1 millis")
          yield* Fiber.interrupt(fiber)
        }
        assert.strictEqual(reviews.maxRunning, 8)
        assert.isAtMost(reviews.total, 8 * 2000 / reviewMillis + 8)
      })
    ))

  it.effect("that is over is forgotten", () =>
    withSlowApi((authenticate) =>
      Effect.gen(function*() {
        for (let i = 0; i < 100; i++) yield* measure(authenticate(`bad-${i}`, "10.0.0.1"))
        yield* flood(authenticate, 20, () => "10.0.0.1").pipe(
          Effect.andThen(TestClock.adjust("1 minute")),
          Effect.scoped
        )
        assert.strictEqual((yield* measure(authenticate("good-ann", "10.0.0.1"))).outcome, "TooManyRequests")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* measure(authenticate("good-ann", "10.0.0.1"))).outcome, "accepted")
      })
    ))
})

describe("callers who share an address", () => {
  it.effect("get their turn together, with valid tokens", () =>
    withSlowApi((authenticate, reviews) =>
      Effect.gen(function*() {
        const all = Effect.forEach(
          Array.from({ length: 72 }, (_, i) => `good-user${i}`),
          (token) => authenticate(token, "10.0.0.1"),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(yield* measure(all), { outcome: "accepted", millis: 9 * reviewMillis })
        assert.strictEqual(reviews.total, 72)
        assert.deepStrictEqual(yield* measure(all), { outcome: "accepted", millis: 0 })
      })
    ))

  it.effect("without an address are one address", () =>
    withSlowApi((authenticate, reviews) =>
      Effect.gen(function*() {
        yield* flood(authenticate, 100, () => undefined as never)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(reviews.maxRunning, 8)
      })
    ))
})
