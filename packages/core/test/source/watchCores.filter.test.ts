import { assert, describe, it } from "@effect/vitest"
import { type ChangesOptions, type CoreEvent, type CoreSource, NodeFailed, watchCores } from "@koredump/core"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"

describe("watchCores with a filter", () => {
  it.effect("sends the filter with every connection, and the version from the second on", () =>
    Effect.gen(function*() {
      const requests: Array<ChangesOptions> = []
      const bookmark: CoreEvent = { type: "BOOKMARK", object: { resourceVersion: "a-1" } }
      const changes = (options: ChangesOptions = {}) => {
        requests.push(options)
        return Stream.concat(Stream.succeed(bookmark), Stream.fail(new NodeFailed()))
      }
      const filter = { namespace: ["shop"] }
      yield* watchCores({ changes } as CoreSource["Service"], { filter }).pipe(
        Stream.take(2),
        Stream.runDrain,
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(requests, [{ filter }, { filter, since: "a-1" }])
    }))
})
