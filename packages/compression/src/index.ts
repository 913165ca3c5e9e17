/**
 * Decompresses stored cores on Node.js, as streams with constant memory. Empty, truncated and corrupt input fails, and so
 * does trailing data that is not another frame: a truncated core is never mistaken for a complete one.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { Compression } from "@koredump/core"
import { Schema, Stream } from "effect"
import type { Duplex } from "node:stream"
import { CodecTransform } from "./CodecTransform.ts"
import { Lz4Codec } from "./Lz4Codec.ts"
import { XzCodec } from "./XzCodec.ts"
import { ZstdTransform } from "./ZstdTransform.ts"

/** The input cannot be decompressed to its end. The message is the reason, without a final period. */
export class CorruptInput extends Schema.TaggedError<CorruptInput>()("CorruptInput", { message: Schema.String }) {}

/** A Node.js stream from the stored file to the core. Use it with `stream.pipeline`, which reports its errors. */
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

const toCorruptInput = (error: unknown) =>
  new CorruptInput({ message: error instanceof Error ? error.message : String(error) })

/**
 * Decompresses a stored file. With `"none"`, the input passes through unchanged. Fails with `CorruptInput` if the input is
 * empty, truncated, corrupt, or of another format.
 */
export const decompress =
  (compression: Compression) =>
  <E, R>(input: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E | CorruptInput, R> =>
    compression === "none"
      ? Stream.orElseIfEmpty(input, () => Stream.fail(toCorruptInput("the file is empty")))
      : NodeStream.pipeThroughDuplex(input, { evaluate: () => decompressor(compression), onError: toCorruptInput })
