/**
 * Decompresses stored cores on Node.js, as streams with constant memory. Empty, truncated and corrupt input fails, and so
 * does trailing data that is not another frame: a truncated core is never mistaken for a complete one.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import type { Compression } from "@koredump/core"
import { Schema, Stream } from "effect"
import { decompressor } from "./decompressor.ts"

export { decompressor } from "./decompressor.ts"
export { readDecompressed } from "./readDecompressed.ts"

/** The input cannot be decompressed to its end. The message is the reason, without a final period. */
export class CorruptInput extends Schema.TaggedError<CorruptInput>()("CorruptInput", { message: Schema.String }) {}

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
