import { Effect, Stream } from "effect"
import type { CoreRef } from "../../model/CoreId.ts"
import { CoreSource } from "../../source/CoreSource.ts"
import {
  check,
  checkEqual,
  type ContractCase,
  contractCase,
  decodeText,
  encodeText,
  failureTag,
  isStored,
  listIds,
  putAll,
  unknownCore,
  waitForCores
} from "./contractCase.ts"

/** Cases for `get`, `open` and `remove`. */
export const fileCases: ReadonlyArray<ContractCase> = [
  contractCase("get returns every field of the list", function*() {
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: encodeText("core") }])
    const source = yield* CoreSource
    const { cores } = yield* source.list({})
    const metadata = yield* source.get(ref!)
    for (const [key, value] of Object.entries(cores[0]!)) yield* checkEqual(metadata[key], value, key)
    yield* checkEqual(yield* failureTag(source.get(unknownCore(ref!.node))), "CoreNotFound", "get of an unknown core")
    yield* checkEqual(
      yield* failureTag(source.get({ ...ref!, node: "elsewhere" })),
      "CoreNotFound",
      "get on another node"
    )
  }),

  contractCase("opens the stored bytes, the whole file and ranges", function*() {
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: encodeText("0123456789") }])
    const source = yield* CoreSource
    yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* source.open(ref!)
      yield* checkEqual(file.size, 10, "size")
      yield* check(/^"[^"]+"$/.test(file.etag), `a strong entity tag, not ${file.etag}`)
      yield* checkEqual(decodeText(yield* Stream.runCollect(file.bytes())), "0123456789", "the whole file")
      yield* checkEqual(decodeText(yield* Stream.runCollect(file.bytes({ start: 2, end: 5 }))), "234", "a range")
      yield* checkEqual(decodeText(yield* Stream.runCollect(file.bytes({ start: 0, end: 1 }))), "0", "the first byte")
      yield* checkEqual(decodeText(yield* Stream.runCollect(file.decompressed)), "0123456789", "decompressed")
    }))
    yield* checkEqual(
      yield* failureTag(Effect.scoped(source.open(unknownCore(ref!.node)))),
      "CoreNotFound",
      "open of an unknown core"
    )
  }),

  contractCase("downloads an empty file as 0 bytes, and fails to decompress it", function*() {
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ compression: "zstd", content: new Uint8Array(0) }])
    const source = yield* CoreSource
    yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* source.open(ref!)
      yield* checkEqual(decodeText(yield* Stream.runCollect(file.bytes())), "", "the whole file")
      const failed = yield* failureTag(Stream.runDrain(file.decompressed))
      yield* check(failed !== "no failure", "decompressing an empty file must fail")
    }))
  }),

  contractCase("finds cores whose command names have special characters", function*() {
    const comms = ["web server.v1", "a/b", "kwörker", "#?%", "", "\\x41", "é\n\t"]
    const refs: ReadonlyArray<CoreRef> = yield* putAll(
      comms.map((comm, i) => ({ comm, pid: i + 1, content: encodeText(String(i)) }))
    )
    const source = yield* CoreSource
    for (const [i, ref] of refs.entries()) {
      const metadata = yield* source.get(ref)
      yield* checkEqual(metadata.id, ref.id, "id")
      const text = yield* Effect.scoped(
        Effect.flatMap(source.open(ref), (file) => Effect.map(Stream.runCollect(file.bytes()), decodeText))
      )
      yield* checkEqual(text, String(i), `content of ${ref.id}`)
    }
  }),

  contractCase("removes one stored core, and no other", function*() {
    const source = yield* CoreSource
    const [ref, other]: ReadonlyArray<CoreRef> = yield* putAll([
      { pid: 1, content: encodeText("1") },
      { pid: 2, content: encodeText("2") }
    ])
    yield* source.remove(ref!)
    yield* waitForCores(2, (cores) => !isStored(cores, ref!))
    yield* checkEqual(yield* listIds({}), [other!.id], "cores afterwards")
    yield* checkEqual(
      yield* failureTag(source.remove(unknownCore(ref!.node))),
      "CoreNotFound",
      "removal of an unknown core"
    )
  })
]
