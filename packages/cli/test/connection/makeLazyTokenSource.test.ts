import { assert, describe, it } from "@effect/vitest"
import { CoreSource, type Problem, Unauthorized } from "@koredump/core"
import { layerFakeCoreSource } from "@koredump/core/testing"
import { Context, Effect, Layer, Option, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { FoundToken } from "../../src/connection/findToken.ts"
import { tokenOnDemand } from "../../src/connection/makeLazyTokenSource.ts"

type Source = CoreSource["Service"]

/** A source that takes the tokens in `valid` (`""`: no token is needed), and counts how it was asked. */
const scripted = Effect.fnUntraced(function*(tokens: ReadonlyArray<string | undefined>) {
  const fake = Context.get(yield* Layer.build(layerFakeCoreSource()), CoreSource)
  const valid = new Set<string>()
  const asked: Array<string> = []
  const found = [...tokens]
  const sourceFor = (token: string): Source => {
    const check = Effect.gen(function*() {
      asked.push(token)
      // Answers come later than questions.
      yield* Effect.yieldNow
      if (!valid.has(token)) return yield* new Unauthorized({ detail: "The server's own words." })
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
  const source = yield* tokenOnDemand({
    anonymous: sourceFor(""),
    findToken: Effect.suspend((): Effect.Effect<Option.Option<FoundToken>, { readonly message: string }> => {
      if (found.length === 0) return Effect.fail({ message: "The program failed." })
      return Effect.succeed(
        Option.map(Option.fromUndefinedOr(found.shift()), (token) => ({
          token: Redacted.make(token),
          whose: "The token of Ann"
        }))
      )
    }),
    withToken: (token) => Effect.succeed(sourceFor(Redacted.value(token)))
  })
  return { source, asked, valid }
})

describe("tokenOnDemand", () => {
  it.effect("looks for none where none is wanted", () =>
    Effect.gen(function*() {
      const { asked, source, valid } = yield* scripted([])
      valid.add("")
      yield* source.list({})
      yield* source.nodes
      assert.deepStrictEqual(asked, ["", ""])
    }))

  it.effect("looks for one where the server wants it, once", () =>
    Effect.gen(function*() {
      const { asked, source, valid } = yield* scripted(["one", "two"])
      valid.add("one")
      yield* Effect.all([source.list({}), source.nodes], { concurrency: "unbounded" })
      assert.deepStrictEqual(asked.toSorted(), ["", "", "one", "one"])
      yield* source.list({})
      const events = yield* source.changes({}).pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(events.length, 1)
      assert.deepStrictEqual(asked.slice(4), ["one", "one"])
    }))

  it.effect("watches with it as well", () =>
    Effect.gen(function*() {
      const { asked, source, valid } = yield* scripted(["one"])
      valid.add("one")
      yield* source.changes({}).pipe(Stream.take(1), Stream.runDrain)
      assert.deepStrictEqual(asked, ["", "one"])
    }))

  it.effect("gives the server's own refusal where there is no token", () =>
    Effect.gen(function*() {
      const { source } = yield* scripted([undefined])
      assert.deepInclude(yield* Effect.flip(source.list({})), { detail: "The server's own words." })
    }))

  it.effect("says why none was found, and whose it was that is not accepted", () =>
    Effect.gen(function*() {
      const none = yield* scripted([])
      assert.deepInclude(yield* Effect.flip(none.source.list({})), { detail: "The program failed." })
      const refused = yield* scripted(["old", "new"])
      for (let i = 0; i < 2; i++) {
        const error = yield* Effect.flip(refused.source.list({}))
        assert.deepInclude(error, { _tag: "Unauthorized", detail: "The token of Ann is not accepted." })
      }
      assert.deepStrictEqual(refused.asked, ["", "old", "old"])
    }))

  it.effect("looks for another when it has expired", () =>
    Effect.gen(function*() {
      const { asked, source, valid } = yield* scripted(["one", "two"])
      valid.add("one")
      yield* source.list({})
      valid.delete("one")
      valid.add("two")
      yield* TestClock.adjust("10 minutes")
      yield* source.list({})
      assert.deepStrictEqual(asked, ["", "one", "one", "two"])
      valid.delete("two")
      yield* TestClock.adjust("10 minutes")
      assert.deepInclude(yield* Effect.flip(source.list({})), { detail: "The program failed." })
    }))
})
