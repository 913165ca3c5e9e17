import { assert, describe, it } from "@effect/vitest"
import { Koredump } from "@koredump/client/effect"
import { type ChangesOptions, CoreId, CoreSource, type CoreSummary } from "@koredump/core"
import { Effect, Layer, Stream } from "effect"

const core: CoreSummary = {
  id: CoreId.make("core.crashme.0.0123456789abcdef0123456789abcdef.1.1700000000000000.zst"),
  node: "node-1",
  state: "present",
  compression: "zstd",
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  resourceVersion: "a-1"
}

const bytes = { stored: Stream.make(Uint8Array.of(1)), decompressed: Stream.make(Uint8Array.of(2)) }

/** A source that records the options of its watches, and whose watches and files are scripted. */
const makeSource = () => {
  const watches: Array<ChangesOptions | undefined> = []
  const source = {
    changes: (options?: ChangesOptions) => {
      watches.push(options)
      return Stream.make({ type: "BOOKMARK", object: { resourceVersion: "a-2" } })
    },
    open: () =>
      Effect.succeed({
        ref: core,
        size: 1,
        compression: "zstd",
        lastModified: 0,
        etag: "\"a\"",
        bytes: () => bytes.stored,
        decompressed: bytes.decompressed
      })
  } as unknown as CoreSource["Service"]
  return { watches, layer: Koredump.layerNoDeps.pipe(Layer.provide(Layer.succeed(CoreSource, source))) }
}

describe("watch", () => {
  it.effect("resumes from the given version, with the given filter", () => {
    const { layer, watches } = makeSource()
    return Effect.gen(function*() {
      const koredump = yield* Koredump
      yield* koredump.watch({ namespace: "shop", resourceVersion: "a-1" }).pipe(Stream.take(1), Stream.runDrain)
      yield* koredump.watch().pipe(Stream.take(1), Stream.runDrain)
      assert.deepStrictEqual(watches, [{ filter: { namespace: ["shop"] }, since: "a-1" }, { filter: {} }])
    }).pipe(Effect.provide(layer))
  })

  it.effect("compares with the cores that are shown when the version is not known", () => {
    const { layer } = makeSource()
    return Effect.gen(function*() {
      const koredump = yield* Koredump
      const events = yield* koredump.watch({ shown: [core] }).pipe(Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(events.map(({ type }) => type), ["DELETED", "BOOKMARK"])
    }).pipe(Effect.provide(layer))
  })
})

describe("download", () => {
  it.effect.each(
    [
      [undefined, core.id, "zstd", 1],
      [false, core.id, "zstd", 1],
      [true, core.id.replace(".zst", ""), "none", 2]
    ] as const
  )("with decompress: %s", ([decompress, fileName, compression, byte]) =>
    Effect.gen(function*() {
      const koredump = yield* Koredump
      const { body, ...info } = yield* koredump.download(core, { decompress })
      assert.deepInclude(info, { fileName, compression })
      assert.deepStrictEqual(yield* Stream.runCollect(body), [Uint8Array.of(byte)])
    }).pipe(Effect.scoped, Effect.provide(makeSource().layer)))
})
