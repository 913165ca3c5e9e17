import { assert, it } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { FakeCores, layerFake } from "@koredump/core/testing"
import { Effect, Stream } from "effect"

it.effect("lists what was put, and nothing changes where nothing changed", () =>
  Effect.gen(function*() {
    const cores = yield* FakeCores
    const source = yield* CoreSource
    yield* cores.put({ content: new Uint8Array(3) })
    const first = yield* source.list({})
    yield* cores.put({ content: new Uint8Array(3) })
    const again = yield* source.list({})
    assert.strictEqual(first.cores.length, 1)
    assert.strictEqual(again.resourceVersion, first.resourceVersion)
    const events = yield* source.changes().pipe(Stream.take(2), Stream.runCollect)
    assert.deepStrictEqual(events.map((e) => e.type), ["ADDED", "BOOKMARK"])
  }).pipe(Effect.provide(layerFake())))
