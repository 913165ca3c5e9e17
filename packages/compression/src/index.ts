/**
 * Decompresses stored cores in Node, as streams in constant memory. Input that is empty, cut, corrupt or followed by
 * anything but further frames fails: a short core is never mistaken for a whole one.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { Compression } from "@koredump/core"
import { Schema, Stream } from "effect"
import type { Duplex } from "node:stream"
import { CodecTransform } from "./CodecTransform.ts"
import { Lz4Codec } from "./Lz4Codec.ts"
import { XzCodec } from "./XzCodec.ts"
import { ZstdTransform } from "./ZstdTransform.ts"

/** The input could not be decompressed to its end; `message` says why. */
export class CorruptInput extends Schema.TaggedError<CorruptInput>()("CorruptInput", { message: Schema.String }) {}

/**
 * A Node stream that takes the stored file and gives the core. For use with `stream.pipeline`: errors are its errors.
 */
export const decompressor = (compression: Exclude<Compression, "none">): Duplex => {
  switch (compression) {
    case "zstd":
      return new ZstdTransform()
    case "lz4":
      return new CodecTransform(() => new Lz4Codec())
    case "xz":
      return new CodecTransform(() => XzCodec.make())
  }
}

const corrupt = (error: unknown) =>
  new CorruptInput({ message: error instanceof Error ? error.message : String(error) })

/** The core in a stored file. A file that is stored as it is passes through, unless it is empty. */
export const decompress =
  (compression: Compression) =>
  <E, R>(input: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E | CorruptInput, R> =>
    compression === "none"
      ? Stream.orElseIfEmpty(input, () => Stream.fail(corrupt("the file is empty")))
      : NodeStream.pipeThroughDuplex(input, { evaluate: () => decompressor(compression), onError: corrupt })
