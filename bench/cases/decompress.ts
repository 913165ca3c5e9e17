import { decompressor } from "@koredump/compression"
import { spawnSync } from "node:child_process"
import { createReadStream, statSync } from "node:fs"
import { join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { temporaryDirectory, timed } from "../support/processes.ts"
import { type Benchmark, median } from "../support/Result.ts"
import { makeLargeFile } from "../support/sampleCores.ts"

const formats = [["zstd", ["zstd", "-q", "-3"]], ["lz4", ["lz4", "-q", "-1"]], ["xz", ["xz", "-0", "-T2"]]] as const

/** Decompression in this process against the common tools. */
export const decompress: Benchmark = {
  name: "decompress",
  about: "decompression of a core against zstd, lz4 and xz themselves",
  run: async ({ quick }) => {
    using directory = temporaryDirectory()
    const file = join(directory.path, "core")
    makeLargeFile(file, quick ? 64e6 : 512e6)
    const megabytes = statSync(file).size / 1e6
    const figures = []
    for (const [compression, command] of formats) {
      const packed = `${file}.${compression}`
      const { status } = spawnSync("sh", ["-c", `${command.join(" ")} -c ${file} > ${packed}`])
      if (status !== 0) throw new Error(`${compression} is needed`)
      const ours: Array<number> = []
      const theirs: Array<number> = []
      for (let i = 0; i < 3; i++) {
        const started = performance.now()
        let bytes = 0
        const count = new Writable({
          write: (chunk: Uint8Array, _, done) => {
            bytes += chunk.length
            done()
          }
        })
        await pipeline(createReadStream(packed), decompressor(compression), count)
        ours.push(bytes / 1e3 / (performance.now() - started))
        const tool = await timed("sh", ["-c", `${command[0]} -dc ${packed} > /dev/null`])
        theirs.push(megabytes / tool.seconds)
      }
      figures.push({
        name: compression,
        value: median(ours),
        unit: "MB/s",
        rounds: ours,
        yardstick: { name: command[0], value: median(theirs) }
      })
    }
    return figures
  }
}
