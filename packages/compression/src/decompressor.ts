import type { Compression } from "@koredump/core"
import type { Duplex } from "node:stream"
import { CodecTransform } from "./CodecTransform.ts"
import { Lz4Codec } from "./Lz4Codec.ts"
import { XzCodec } from "./XzCodec.ts"
import { ZstdTransform } from "./ZstdTransform.ts"

/**
 * Size of a piece if garbage collection frees it. Larger ones would be faster, but up to a hundred of them are in memory
 * before that happens.
 */
const defaultPieceSize = 128 * 1024

/**
 * A Node.js stream from the stored file to the core, in pieces of about this size (xz: smaller). Use it with
 * `stream.pipeline`, which reports its errors.
 */
export const decompressor = (compression: Exclude<Compression, "none">, pieceSize = defaultPieceSize): Duplex => {
  switch (compression) {
    case "zstd":
      return new ZstdTransform(pieceSize)
    case "lz4":
      return new CodecTransform(() => new Lz4Codec(pieceSize))
    case "xz":
      return new CodecTransform(() => XzCodec.make())
  }
}
