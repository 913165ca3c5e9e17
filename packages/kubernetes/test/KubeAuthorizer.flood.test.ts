/** Callers who need many access reviews must neither flood the Kubernetes API nor delay other callers. */
import { assert, describe, it } from "@effect/vitest"
import {
  type AccessRequest,
  authorizeCoreSource,
  Authorizer,
  CoreId,
  CoreSource,
  type Principal,
  type Problem
} from "@koredump/core"
import { FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { layerKubeAuthorizer } from "../src/KubeAuthorizer.ts"
import { layerFakeApi } from "./support/api.ts"
import { readCounters } from "./support/metrics.ts"

const reviewMillis = 10

interface Reviews {
  /** By user. */
  readonly total: Record<string, number>
  running: number
  maxRunning: number
}

/** A Kubernetes API that needs 10 ms for a review, and denies all but those of `allowed`. */
const withSlowApi = <A, E>(
  use: (isAllowed: Authorizer["Service"]["isAllowed"], reviews: Reviews) => Effect.Effect<A, E, Authorizer>,
  allowed: (user: string, namespace: string | undefined) => boolean = () => false
) => {
  const reviews: Reviews = { total: {}, running: 0, maxRunning: 0 }
  const api = layerFakeApi({
    create: (_, body) =>
      Effect.gen(function*() {
        const { resourceAttributes, user } = (body as {
          readonly spec: { readonly user: string; readonly resourceAttributes: { readonly namespace?: string } }
        }).spec
        reviews.total[user] = (reviews.total[user] ?? 0) + 1
        reviews.running += 1
        reviews.maxRunning = Math.max(reviews.maxRunning, reviews.running)
        yield* Effect.sleep(reviewMillis)
        return { status: { allowed: allowed(user, resourceAttributes.namespace) } }
      }).pipe(Effect.ensuring(Effect.sync(() => {
        reviews.running -= 1
      })))
  })
  return Authorizer.use((authorizer) => use(authorizer.isAllowed, reviews)).pipe(
    Effect.provide(layerKubeAuthorizer.pipe(Layer.provide(api)))
  )
}

const toPrincipal = (username: string): Principal => ({ username, groups: [] })
const inNamespace = (namespace: string): AccessRequest => ({ verb: "list", resource: "coredumps", namespace })

/** Runs an effect while time passes. Returns its result and the time. */
const measure = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(Effect.result(effect), { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(reviewMillis)
    return { result: yield* Fiber.join(fiber), millis: (yield* Clock.currentTimeMillis) - start }
  })

const toId = (pid: number) => CoreId.make(`core.web.0.00000000000000000000000000000000.${pid}.1700000000000000`)
const names = (count: number, prefix = "team") => Array.from({ length: count }, (_, i) => `${prefix}-${i}`)

describe("a caller with many access reviews", () => {
  it.effect("uses a quarter of the capacity, and delays no other caller", () =>
    withSlowApi((isAllowed, reviews) =>
      Effect.gen(function*() {
        yield* Effect.forkChild(
          Effect.forEach(names(900), (name) => isAllowed(toPrincipal("eve"), inNamespace(name)), {
            concurrency: "unbounded"
          }),
          { startImmediately: true }
        )
        assert.strictEqual(reviews.running, 8)
        for (let i = 0; i < 10; i++) {
          const { millis } = yield* measure(isAllowed(toPrincipal("ann"), inNamespace(`a-${i}`)))
          assert.strictEqual(millis, reviewMillis)
        }
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(reviews.total, { eve: 900, ann: 10 })
        assert.strictEqual(reviews.maxRunning, 9)
      })
    ))

  it.effect("leaves turns to others even if many callers do the same", () =>
    withSlowApi((isAllowed, reviews) =>
      Effect.gen(function*() {
        for (const user of names(20, "eve")) {
          yield* Effect.forkChild(
            Effect.forEach(names(400), (name) => isAllowed(toPrincipal(user), inNamespace(name)), {
              concurrency: "unbounded"
            }),
            { startImmediately: true }
          )
        }
        const { millis } = yield* measure(isAllowed(toPrincipal("ann"), inNamespace("a")))
        assert.isAtMost(millis, 2 * reviewMillis)
        assert.strictEqual(reviews.maxRunning, 32)
      })
    ))

  it.effect("gets NotReady above 1,000 that wait, and others do not", () =>
    withSlowApi((isAllowed) =>
      Effect.gen(function*() {
        const { result } = yield* measure(Effect.forEach(
          names(1100),
          (name) =>
            Effect.match(isAllowed(toPrincipal("eve"), inNamespace(name)), {
              onFailure: ({ _tag, detail }) => `${_tag} ${detail}`,
              onSuccess: String
            }),
          { concurrency: "unbounded" }
        ))
        assert.strictEqual(result._tag, "Success")
        const counts = Map.groupBy(result._tag === "Success" ? result.success : [], (answer) => answer)
        assert.deepStrictEqual(
          [...counts].map(([answer, { length }]) => [answer, length]),
          [
            ["false", 1008],
            ["NotReady Authorization is unavailable: too many of your access reviews are waiting.", 92]
          ]
        )
        assert.isAtLeast((yield* readCounters("SubjectAccessReview"))["koredump_kubernetes_reviews_refused_total"]!, 92)
      })
    ))

  it.effect("who disconnects causes each review once", () =>
    withSlowApi((isAllowed, reviews) =>
      Effect.gen(function*() {
        for (let i = 0; i < 500; i++) {
          const fiber = yield* Effect.forkChild(
            Effect.forEach(names(100), (name) => isAllowed(toPrincipal("eve"), inNamespace(name)), {
              concurrency: 32
            }),
            { startImmediately: true }
          )
          yield* TestClock.adjust("1 millis")
          yield* Fiber.interrupt(fiber)
        }
        assert.strictEqual(reviews.maxRunning, 8)
        assert.isAtMost(reviews.total["eve"]!, 100)
      })
    ))
})

/** A source with cores in 500 namespaces. `count` returns how many reviews an operation causes. */
const withCores = <A, E>(
  use: (
    source: CoreSource["Service"],
    count: (operation: Effect.Effect<unknown, Problem>) => Effect.Effect<number>
  ) => Effect.Effect<A, E, FakeCores>
) =>
  withSlowApi((_, reviews) =>
    Effect.gen(function*() {
      const { put } = yield* FakeCores
      for (const [pid, namespace] of names(500).entries()) yield* put({ pid: pid + 1, fields: { namespace } })
      const source = authorizeCoreSource(yield* CoreSource, {
        principal: toPrincipal("eve"),
        authorizer: yield* Authorizer
      })
      return yield* use(source, (operation) =>
        Effect.gen(function*() {
          const before = reviews.total["eve"] ?? 0
          yield* measure(operation)
          assert.isAtMost(reviews.maxRunning, 8)
          return (reviews.total["eve"] ?? 0) - before
        }))
    }).pipe(Effect.provide(layerFakeCoreSource()))
  )

describe("a request of a caller without permission, with cores in 500 namespaces", () => {
  it.effect("needs a review for each namespace, and none when repeated", () =>
    withCores((source, count) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* count(source.list({})), 502)
        assert.strictEqual(yield* count(source.list({})), 0)
        assert.strictEqual(yield* count(source.list({ comm: ["x"], limit: 1 })), 0)
      })
    ))

  it.effect("needs no more with made-up names in its version", () =>
    withCores((source, count) =>
      Effect.gen(function*() {
        const { resourceVersion } = yield* Effect.flatMap(measure(source.list({})), ({ result }) =>
          Effect.fromResult(result))
        const version = resourceVersion.split("~")[0]!
        const watch = (since: string) =>
          Stream.runHead(source.changes({ since }))
        // The permission to watch: for each namespace with cores, and for all.
        assert.isAtMost(yield* count(watch(`${version}~w${names(80, "made-up").join(",")}`)), 502)
        for (let i = 0; i < 5; i++) {
          assert.strictEqual(yield* count(watch(`${version}~w${names(80, `made-up-${i}`).join(",")}`)), 0)
          assert.strictEqual(yield* count(watch(`${version}~w${names(3900, `long-${i}`).join(",")}`)), 0)
        }
      })
    ))

  it.effect("needs a review for each of at most 100 namespaces of its filter", () =>
    withCores((source, count) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* count(source.list({ namespace: names(100, "made-up") })), 102)
        assert.strictEqual(yield* count(source.list({ namespace: names(100, "made-up") })), 0)
      })
    ))

  it.effect("for a core that it cannot see needs two reviews for each namespace of the node, and none when repeated", () =>
    withCores((source, count) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* count(source.get({ node: "node-1", id: toId(9001) })), 1004)
        for (let pid = 9002; pid < 9010; pid++) {
          assert.strictEqual(yield* count(source.get({ node: "node-1", id: toId(pid) })), 0)
          assert.strictEqual(yield* count(source.get({ node: "other", id: toId(pid) })), 0)
        }
      })
    ))
})
