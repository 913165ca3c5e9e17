import { assert, describe, it } from "@effect/vitest"
import { type CoreChange, CoreEvent, CoreIndex, formatCoreId, type UnversionedCore } from "@koredump/core"
import { Effect, Schema, Stream } from "effect"

const core = (namespace: string): UnversionedCore => ({
  id: formatCoreId({
    comm: "crashme",
    uid: 0,
    bootId: "0123456789abcdef0123456789abcdef",
    pid: 1,
    usec: 1_700_000_000_000_000n,
    compression: "none"
  }),
  node: "node-1",
  state: "present",
  compression: "none",
  namespace,
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z"
})

const modified = Effect.gen(function*() {
  const index = yield* CoreIndex.make()
  index.put(core("secret"))
  const since = index.resourceVersion
  index.put(core("shop"))
  const [, event] = yield* index.changes({ since }).pipe(Stream.take(2), Stream.runCollect)
  return event as Exclude<CoreChange, { readonly type: "BOOKMARK" }>
})

describe("the previous state of a core", () => {
  it.effect("comes with MODIFIED, and a copy of the event keeps it", () =>
    Effect.gen(function*() {
      const event = yield* modified
      assert.strictEqual(event.type, "MODIFIED")
      assert.strictEqual({ ...event }.previous?.namespace, "secret")
    }))

  it.effect("is dropped from the wire form, in both directions", () =>
    Effect.gen(function*() {
      const event = yield* modified
      const encoded = yield* Schema.encodeEffect(CoreEvent)(event)
      assert.sameMembers(Object.keys(encoded), ["type", "object"])
      assert.notInclude(JSON.stringify(encoded), "secret")
      assert.notProperty(yield* Schema.decodeEffect(CoreEvent)(event), "previous")
    }))
})
