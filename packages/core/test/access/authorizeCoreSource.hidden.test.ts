/** A hidden core must not differ from one that does not exist, in what is asked and in how long it takes. */
import { assert, describe, it } from "@effect/vitest"
import { type AccessRequest, authorizeCoreSource, Authorizer, CoreId, type CoreRef, CoreSource } from "@koredump/core"
import { FakeCores, type FakeRule } from "@koredump/core/testing"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ann, layers, makeCore, nodeViewer, putAll, viewer } from "./fixtures.ts"

type Source = CoreSource["Service"]

const operations: ReadonlyArray<readonly [string, (source: Source, ref: CoreRef) => Effect.Effect<unknown, unknown>]> =
  [
    ["get", (source, ref) => source.get(ref)],
    ["open", (source, ref) => Effect.scoped(source.open(ref))],
    ["remove", (source, ref) => source.remove(ref)]
  ]

const toKey = (request: AccessRequest) =>
  `${request.verb} ${request.resource}/${request.subresource ?? ""} ${request.namespace ?? "*"}`

/** An authorizer that needs 10 ms for each new decision, and remembers it. */
const makeSlowAuthorizer = Effect.gen(function*() {
  const { isAllowed } = yield* Authorizer
  const requests: Array<string> = []
  const decided = new Map<string, Effect.Effect<boolean, never>>()
  return {
    requests,
    authorizer: Authorizer.of({
      isAllowed: (principal, request) =>
        Effect.gen(function*() {
          const key = toKey(request)
          requests.push(key)
          const decision = decided.get(key) ??
            (yield* Effect.cached(Effect.delay(Effect.orDie(isAllowed(principal, request)), "10 millis")))
          decided.set(key, decision)
          return yield* decision
        })
    })
  }
})

/** Runs an operation as a caller without cached decisions, twice. Returns the requests to the authorizer and the times. */
const measure = Effect.fnUntraced(function*(
  operation: (source: Source, ref: CoreRef) => Effect.Effect<unknown, unknown>,
  ref: CoreRef
) {
  const { authorizer, requests } = yield* makeSlowAuthorizer
  const source = authorizeCoreSource(yield* CoreSource, { principal: ann, authorizer })
  const run = Effect.gen(function*() {
    requests.length = 0
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(Effect.result(operation(source, ref)), { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
    const millis = (yield* Clock.currentTimeMillis) - start
    return { tag: (yield* Fiber.join(fiber))._tag, requests: requests.toSorted(), millis }
  })
  return { first: yield* run, repeated: yield* run }
})

const withNeighbors = Effect.gen(function*() {
  const refs = yield* putAll
  const { put } = yield* FakeCores
  for (let i = 0; i < 20; i++) yield* put(makeCore("b", { pid: 100 + i, fields: { namespace: `other-${i}` } }))
  return { ...refs, absent: { ...refs.b, id: CoreId.make(refs.b.id.replace(".2.", ".22.")) } }
})

const callers: ReadonlyArray<
  readonly [string, ReadonlyArray<FakeRule>, ReadonlyArray<"a" | "b" | "host" | "pending">]
> = [
  ["no permission", [], ["a", "b", "host", "pending"]],
  ["one namespace", [viewer("a")], ["b", "host", "pending"]],
  ["one namespace and nodes", [viewer("a"), nodeViewer], ["b", "pending"]],
  ["nodes", [nodeViewer], ["a", "b", "pending"]],
  ["all namespaces", [viewer()], ["host"]]
]

describe("a hidden core", () => {
  for (const [name, operation] of operations) {
    it.effect.each(callers)(
      `is like a core that does not exist, for ${name} with permission for %s`,
      ([, rules, places]) =>
        Effect.gen(function*() {
          const refs = yield* withNeighbors
          const absent = yield* measure(operation, refs.absent)
          assert.strictEqual(absent.first.tag, "Failure")
          assert.strictEqual(absent.repeated.millis, 0)
          for (const place of places) assert.deepStrictEqual(yield* measure(operation, refs[place]), absent, place)
        }).pipe(Effect.provide(layers(rules)))
    )
  }

  it.effect("has the same cost after decisions on a namespace that the caller sees", () =>
    Effect.gen(function*() {
      const refs = yield* withNeighbors
      const after = (ref: CoreRef) =>
        measure((source, target) => Effect.andThen(source.get(refs.a), source.get(target)), ref)
      assert.deepStrictEqual(yield* after(refs.b), yield* after(refs.absent))
    }).pipe(Effect.provide(layers([viewer("a")]))))
})

describe("a visible core", () => {
  it.effect("does not wait for decisions on other namespaces", () =>
    Effect.gen(function*() {
      const refs = yield* withNeighbors
      const { isAllowed } = yield* Authorizer
      const source = authorizeCoreSource(yield* CoreSource, {
        principal: ann,
        authorizer: {
          isAllowed: (principal, request) =>
            request.namespace === undefined || request.namespace === "a" ? isAllowed(principal, request) : Effect.never
        }
      })
      assert.strictEqual((yield* source.get(refs.a)).id, refs.a.id)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("with decisions that are known needs none on other namespaces", () =>
    Effect.gen(function*() {
      const refs = yield* withNeighbors
      const { repeated } = yield* measure(({ get }, ref) => get(ref), refs.a)
      assert.notInclude(repeated.requests.join(), "other-")
    }).pipe(Effect.provide(layers([viewer("a")]))))
})
