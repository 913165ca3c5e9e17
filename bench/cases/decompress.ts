import { decompressor } from "@koredump/compression"
import { spawnSync } from "node:child_process"
import { createReadStream, statSync } from "node:fs"
import { join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { curl, startNode, temporaryDirectory, timed, until } from "../support/processes.ts"
import { type Benchmark, type Figure, figure } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

/** zstd and lz4 as systemd-coredump writes them: lz4 with linked blocks of 256 KiB and no checksum. */
const downloads = [
  { name: "zstd", extension: ".zst", command: ["zstd", "-q", "-3"], ratio: 0.55 },
  { name: "lz4", extension: ".lz4", command: ["lz4", "-q", "-1", "-B5", "-BD", "--no-frame-crc"], ratio: 0.5 }
] as const

const codecs = [["zstd", "zstd"], ["lz4", "lz4"], ["xz", "xz"]] as const

const run = (command: string) => {
  if (spawnSync("sh", ["-c", command]).status !== 0) {
    throw new Error(`${command} failed. Run: apt-get install zstd lz4 xz-utils`)
  }
}

/** Decompressed downloads, compared with the tools writing to a pipe. */
const measureDownloads = async (root: string, size: number, rounds: number): Promise<ReadonlyArray<Figure>> => {
  await using node = await startNode(root)
  const figures: Array<Figure> = []
  for (const [which, { extension, name, ratio: least }] of downloads.entries()) {
    const id = coreName(which, extension)
    const rate = async () => {
      const { bytes, seconds } = await curl(`${node.url}/apiv1/cores/download/${id}?decompress=true`)
      if (bytes !== size) throw new Error(`${name}: ${bytes} of ${size} bytes`)
      return bytes / 1e6 / seconds
    }
    await until(async () => await rate() > 0, 100)
    const ours: Array<number> = []
    const tools: Array<number> = []
    for (let i = 0; i < rounds; i++) {
      ours.push(await rate())
      const { seconds } = await timed("sh", ["-c", `${name} -dc ${join(coredumpDir(root), id)} | cat > /dev/null`])
      tools.push(size / 1e6 / seconds)
    }
    figures.push(
      figure(`${name}, decompressed download`, "MB/s", ours, {
        baseline: { name: `${name} -dc to a pipe`, rounds: tools },
        target: { text: `ratio at least ${least}`, meets: ({ ratio }) => ratio!.median >= least }
      })
    )
  }
  return figures
}

/** Decompression in this process, compared with the tools. */
const measureCodecs = async (file: string, rounds: number): Promise<ReadonlyArray<Figure>> => {
  const size = statSync(file).size
  const figures: Array<Figure> = []
  for (const [compression, tool] of codecs) {
    const packed = `${file}.${compression}`
    run(`${tool} -q -1 -c ${file} > ${packed}`)
    const rate = async () => {
      const started = performance.now()
      let bytes = 0
      const count = new Writable({
        write: (chunk: Uint8Array, _, done) => {
          bytes += chunk.length
          done()
        }
      })
      await pipeline(createReadStream(packed), decompressor(compression), count)
      if (bytes !== size) throw new Error(`${compression}: ${bytes} of ${size} bytes`)
      return bytes / 1e3 / (performance.now() - started)
    }
    const ours: Array<number> = []
    const tools: Array<number> = []
    for (let i = 0; i < rounds; i++) {
      ours.push(await rate())
      tools.push(size / 1e6 / (await timed("sh", ["-c", `${tool} -dc ${packed} > /dev/null`])).seconds)
    }
    figures.push(figure(`${compression}, in this process`, "MB/s", ours, { baseline: { name: tool, rounds: tools } }))
  }
  return figures
}

/** Decompression of cores. */
export const decompress: Benchmark = {
  name: "decompress",
  about: "decompressed downloads of 1 GiB with curl, and decompression in one process; baseline: zstd, lz4 and xz",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const file = join(host.path, "core")
    const size = quick ? 128 * 1024 ** 2 : 1024 ** 3
    makeLargeFile(file, size)
    for (const [which, { command, extension }] of downloads.entries()) {
      run(`${command.join(" ")} -c ${file} > ${join(coredumpDir(host.path), coreName(which, extension))}`)
    }
    const downloaded = await measureDownloads(host.path, size, quick ? 2 : 7)
    makeLargeFile(file, quick ? 32e6 : 256e6)
    return [...downloaded, ...await measureCodecs(file, quick ? 1 : 3)]
  }
}
