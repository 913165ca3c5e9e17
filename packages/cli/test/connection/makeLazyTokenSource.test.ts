import { assert, describe, it } from "@effect/vitest"
import { CoreSource, type Problem, Unauthorized } from "@koredump/core"
import { layerFakeCoreSource } from "@koredump/core/testing"
import { Context, Effect, Layer, Option, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { FoundToken } from "../../src/connection/findToken.ts"
import { makeLazyTokenSource } from "../../src/connection/makeLazyTokenSource.ts"

type Source = CoreSource["Service"]

/** A source that accepts the tokens in `valid` (`""`: no token), and records the token of each request. */
const makeSource = Effect.fnUntraced(function*(tokens: ReadonlyArray<string | undefined>) {
  const fake = Context.get(yield* Layer.build(layerFakeCoreSource()), CoreSource)
  const valid = new Set<string>()
  const requests: Array<string> = []
  const remaining = [...tokens]
  const makeSourceFor = (token: string): Source => {
    const check = Effect.gen(function*() {
      requests.push(token)
      // A response comes later than its request.
      yield* Effect.yieldNow
      if (!valid.has(token)) return yield* new Unauthorized({ detail: "The reason of the server." })
    })
    const checked = <A, R>(effect: Effect.Effect<A, Problem, R>) => Effect.andThen(check, effect)
    return {
      list: (query) => checked(fake.list(query)),
      get: (ref) => checked(fake.get(ref)),
      open: (ref) => checked(fake.open(ref)),
      remove: (ref) => checked(fake.remove(ref)),
      nodes: checked(fake.nodes),
      changes: (options) => Stream.unwrap(Effect.as(check, fake.changes(options)))
    }
  }
  const source = yield* makeLazyTokenSource({
    anonymous: makeSourceFor(""),
    findToken: Effect.suspend((): Effect.Effect<Option.Option<FoundToken>, { readonly message: string }> => {
      if (remaining.length === 0) return Effect.fail({ message: "The plugin failed." })
      return Effect.succeed(
        Option.map(Option.fromUndefinedOr(remaining.shift()), (token) => ({
          token: Redacted.make(token),
          name: "the token of Ann"
        }))
      )
    }),
    withToken: (token) => Effect.succeed(makeSourceFor(Redacted.value(token)))
  })
  return { source, requests, valid }
})

describe("makeLazyTokenSource", () => {
  it.effect("finds no token if the server requires none", () =>
    Effect.gen(function*() {
      const { requests, source, valid } = yield* makeSource([])
      valid.add("")
      yield* source.list({})
      yield* source.nodes
      assert.deepStrictEqual(requests, ["", ""])
    }))

  it.effect("finds a token once if the server requires one", () =>
    Effect.gen(function*() {
      const { requests, source, valid } = yield* makeSource(["one", "two"])
      valid.add("one")
      yield* Effect.all([source.list({}), source.nodes], { concurrency: "unbounded" })
      assert.deepStrictEqual(requests.toSorted(), ["", "", "one", "one"])
      yield* source.list({})
      const events = yield* source.changes({}).pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(events.length, 1)
      assert.deepStrictEqual(requests.slice(4), ["one", "one"])
    }))

  it.effect("uses the token for watches", () =>
    Effect.gen(function*() {
      const { requests, source, valid } = yield* makeSource(["one"])
      valid.add("one")
      yield* source.changes({}).pipe(Stream.take(1), Stream.runDrain)
      assert.deepStrictEqual(requests, ["", "one"])
    }))

  it.effect("fails with the server's error without a token", () =>
    Effect.gen(function*() {
      const { source } = yield* makeSource([undefined])
      assert.deepInclude(yield* Effect.flip(source.list({})), { detail: "The reason of the server." })
    }))

  it.effect("explains why no token was found, and names the token that was rejected", () =>
    Effect.gen(function*() {
      const withoutToken = yield* makeSource([])
      assert.deepInclude(yield* Effect.flip(withoutToken.source.list({})), { detail: "The plugin failed." })
      const rejected = yield* makeSource(["old", "new"])
      for (let i = 0; i < 2; i++) {
        const error = yield* Effect.flip(rejected.source.list({}))
        assert.deepInclude(error, { _tag: "Unauthorized", detail: "The server rejected the token of Ann." })
      }
      assert.deepStrictEqual(rejected.requests, ["", "old", "old"])
    }))

  it.effect("finds another token when the first one has expired", () =>
    Effect.gen(function*() {
      const { requests, source, valid } = yield* makeSource(["one", "two"])
      valid.add("one")
      yield* source.list({})
      valid.delete("one")
      valid.add("two")
      yield* TestClock.adjust("10 minutes")
      yield* source.list({})
      assert.deepStrictEqual(requests, ["", "one", "one", "two"])
      valid.delete("two")
      yield* TestClock.adjust("10 minutes")
      assert.deepInclude(yield* Effect.flip(source.list({})), { detail: "The plugin failed." })
    }))
})
