import { assert, it } from "@effect/vitest"
import { type CoreEvent, type CoreSource, NodeFailed, watchCores } from "@koredump/core"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"

it.effect("watchCores reconnects after half a second when a connection breaks", () =>
  Effect.gen(function*() {
    let connections = 0
    const bookmark: CoreEvent = { type: "BOOKMARK", object: { resourceVersion: "a-1" } }
    const changes = () =>
      Stream.suspend(() => {
        connections += 1
        return Stream.concat(Stream.succeed(bookmark), Stream.fail(new NodeFailed()))
      })
    yield* Effect.forkChild(Stream.runDrain(watchCores({ changes } as unknown as CoreSource["Service"])))
    // The delay is jittered by 20 percent.
    yield* TestClock.adjust("390 millis")
    assert.strictEqual(connections, 1)
    yield* TestClock.adjust("220 millis")
    assert.strictEqual(connections, 2)
  }))
