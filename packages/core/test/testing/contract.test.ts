/** The contract suite itself: it must fail for sources that break the contract. */
import { assert, describe, it } from "@effect/vitest"
import { type CoreEvent, CoreSource } from "@koredump/core"
import { coreSourceContract, FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Cause, Clock, Context, Effect, Exit, Layer, References, Stream } from "effect"

/** The fake source with other watches. */
const layerBroken = (changes: (source: CoreSource["Service"]) => CoreSource["Service"]["changes"]) =>
  Layer.effectContext(Effect.gen(function*() {
    const source = yield* CoreSource
    return Context.make(CoreSource, { ...source, changes: changes(source) }).pipe(
      Context.add(FakeCores, yield* FakeCores)
    )
  })).pipe(Layer.provide(layerFakeCoreSource()))

const isChange = ({ type }: CoreEvent) => type !== "BOOKMARK"

/** Sends every event of the source, but a heartbeat only after `millis` without any event. */
const withHeartbeatsAfter = (millis: number) =>
  layerBroken((source) => (options) =>
    Stream.suspend(() => {
      let last: number | undefined
      return Stream.filterEffect(
        source.changes(options),
        (event) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const passes = isChange(event) || last === undefined || now - last >= millis
            if (passes) last = now
            return passes
          })
      )
    })
  )

/** Sends only the first BOOKMARKs of each watch. */
const withBookmarks = (count: number) =>
  layerBroken((source) => (options) =>
    Stream.suspend(() => {
      let sent = 0
      return Stream.filter(source.changes(options), (event) => isChange(event) || ++sent <= count)
    })
  )

const quiet = "a watch sends a BOOKMARK every 5 seconds while nothing happens"
const busy = "a watch sends a BOOKMARK every 5 seconds while changes happen, shown or hidden by its filter"

describe.concurrent("coreSourceContract fails for a source", () => {
  it.effect.each<[string, string, Layer.Layer<CoreSource | FakeCores>, RegExp]>([
    ["whose heartbeats come every 10 seconds", quiet, withHeartbeatsAfter(10_000), /no BOOKMARK within.* interval 1 /],
    ["without heartbeats", quiet, withBookmarks(1), /no BOOKMARK within heartbeat interval 1 /],
    ["whose heartbeats stop after 3 minutes", quiet, withBookmarks(36), /no BOOKMARK within heartbeat interval 36 /],
    ["whose watch never sends a BOOKMARK", quiet, withBookmarks(0), /no BOOKMARK after the replay/],
    [
      "whose heartbeats wait until nothing happens",
      busy,
      withHeartbeatsAfter(5_000),
      /no BOOKMARK within.* interval 1 /
    ]
  ])("%s", ([, name, layer, message]) =>
    Effect.gen(function*() {
      const { run } = coreSourceContract.find((each) => each.name === name)!
      const exit = yield* Effect.exit(Effect.provide(run, layer)).pipe(
        // A failing case stops moving the test clock, which warns about that.
        Effect.provideService(References.MinimumLogLevel, "None")
      )
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "passed", message)
    }))
})
