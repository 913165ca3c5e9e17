import type { Compression } from "@koredump/core"
import type { Duplex } from "node:stream"
import { CodecTransform } from "./CodecTransform.ts"
import { Lz4Codec } from "./Lz4Codec.ts"
import { XzCodec } from "./XzCodec.ts"
import { ZstdTransform } from "./ZstdTransform.ts"

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
