import { decompressor } from "@koredump/compression"
import { spawnSync } from "node:child_process"
import { createReadStream, statSync } from "node:fs"
import { join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createZstdDecompress } from "node:zlib"
import { temporaryDirectory, timed } from "../support/processes.ts"
import { type Benchmark, type Figure, figure } from "../support/Result.ts"
import { makeLargeFile } from "../support/sampleCores.ts"

const formats = [["zstd", ["zstd", "-q", "-3"]], ["lz4", ["lz4", "-q", "-1"]], ["xz", ["xz", "-0", "-T2"]]] as const

/** Decompression in Node.js, compared with command line tools. */
export const decompress: Benchmark = {
  name: "decompress",
  about: "decompression of a core of 256 MB in Node.js; baseline: zstd, lz4 and xz with output to /dev/null",
  run: async ({ quick }) => {
    using directory = temporaryDirectory()
    const file = join(directory.path, "core")
    makeLargeFile(file, quick ? 32e6 : 256e6)
    const size = statSync(file).size
    const figures: Array<Figure> = []
    for (const [compression, command] of formats) {
      const packed = `${file}.${compression}`
      const { status } = spawnSync("sh", ["-c", `${command.join(" ")} -c ${file} > ${packed}`])
      if (status !== 0) throw new Error(`${compression} failed. Run: apt-get install zstd lz4 xz-utils`)
      const rate = async (stream: NodeJS.ReadWriteStream) => {
        const started = performance.now()
        let bytes = 0
        const count = new Writable({
          write: (chunk: Uint8Array, _, done) => {
            bytes += chunk.length
            done()
          }
        })
        await pipeline(createReadStream(packed), stream, count)
        if (bytes !== size) throw new Error(`${compression}: ${bytes} of ${size} bytes`)
        return bytes / 1e3 / (performance.now() - started)
      }
      const ours: Array<number> = []
      const tools: Array<number> = []
      const plain: Array<number> = []
      for (let i = 0; i < (quick ? 1 : 3); i++) {
        ours.push(await rate(decompressor(compression)))
        tools.push(size / 1e6 / (await timed("sh", ["-c", `${command[0]} -dc ${packed} > /dev/null`])).seconds)
        if (compression === "zstd") plain.push(await rate(createZstdDecompress({ chunkSize: 128 * 1024 })))
      }
      figures.push(figure(compression, "MB/s", ours, { baseline: { name: command[0], rounds: tools } }))
      if (plain.length > 0) {
        figures.push(figure(compression, "MB/s", ours, { baseline: { name: "node:zlib", rounds: plain } }))
      }
    }
    return figures
  }
}
