import { assert, it } from "@effect/vitest"
import { CoreIndex, type CoreSource, formatCoreId, type UnversionedCore, watchCores } from "@koredump/core"
import { Effect, Stream } from "effect"

const makeCore = (pid: number): UnversionedCore => ({
  id: formatCoreId({
    comm: "x",
    uid: 0,
    bootId: "0123456789abcdef0123456789abcdef",
    pid,
    usec: 1_700_000_000_000_000n,
    compression: "none"
  }),
  node: "node-1",
  state: "present",
  compression: "none",
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z"
})

const fill = Effect.map(CoreIndex.make(), (index) => {
  const since = index.resourceVersion
  for (let pid = 1; pid <= 16_384; pid++) index.put(makeCore(pid))
  return { index, since }
})

it.effect("an index keeps 16,384 cores and as many changes by default", () =>
  Effect.gen(function*() {
    const { index, since } = yield* fill
    assert.strictEqual(index.size, 16_384)
    const events = yield* index.changes({ since }).pipe(Stream.drop(1), Stream.take(16_384), Stream.runCount)
    assert.strictEqual(events, 16_384)
  }))

it.effect("a watch shows tens of thousands of cores", () =>
  Effect.gen(function*() {
    const { index } = yield* fill
    const source = { changes: (options) => index.changes(options) } as CoreSource["Service"]
    const events = yield* watchCores(source).pipe(Stream.take(16_385), Stream.runCount)
    assert.strictEqual(events, 16_385)
  }))
