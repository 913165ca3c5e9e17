import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  cliMain,
  curlRate,
  memoryOf,
  peakMemory,
  startNode,
  temporaryDirectory,
  token,
  until
} from "../support/processes.ts"
import type { Benchmark } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

const GiB = 1024 ** 3

const limit = (value: number) => ({ text: "under 64 MiB", met: value < 64 })

/** What a large core costs in memory, above what a small one costs. */
export const streamMemory: Benchmark = {
  name: "stream-memory",
  about: "a core of 2 GiB by HTTP and by koredumpctl get: growth of memory over that for a small core",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const directory = coredumpDir(host.path)
    const [small, large, smallZst, largeZst] = [
      coreName(0, ""),
      coreName(1, ""),
      coreName(2),
      coreName(3)
    ]
    makeLargeFile(join(directory, small), 1024 * 1024)
    makeLargeFile(join(directory, large), quick ? GiB / 4 : 2 * GiB)
    for (const [from, to] of [[small, smallZst], [large, largeZst]] as const) {
      const { status } = spawnSync("zstd", ["-q", "-1", "-T2", "-o", join(directory, to), join(directory, from)])
      if (status !== 0) throw new Error("zstd is needed: apt-get install zstd")
    }
    await using node = await startNode(host.path, ["--root", host.path, "--node-name", "bench"])
    const url = (name: string, query = "") => `${node.url}/apiv1/cores/download/${name}${query}`
    await until(async () => await curlRate(url(small)) > 0, 100)
    // The server as it is after some requests of each kind.
    for (let i = 0; i < 5; i++) {
      await curlRate(url(small))
      await curlRate(url(smallZst, "?decompress=true"))
    }
    const growth = async (target: string) => {
      const before = memoryOf(node.pid).now
      let most = 0
      const sampling = setInterval(() => {
        most = Math.max(most, memoryOf(node.pid).now)
      }, 20)
      await curlRate(target)
      clearInterval(sampling)
      return most - before
    }
    const raw = await growth(url(large))
    const decompressed = await growth(url(largeZst, "?decompress=true"))
    const get = async (name: string, args: ReadonlyArray<string>) => {
      using directory = temporaryDirectory()
      return await peakMemory(process.execPath, [
        cliMain,
        "get",
        name,
        ...args,
        `--server=${node.url}`,
        `--token=${token}`,
        `-o=${join(directory.path, "core")}`
      ])
    }
    const copy = join(host.path, "copy.mjs")
    writeFileSync(
      copy,
      `import { pipeline } from "node:stream/promises"; import { createReadStream, createWriteStream } from "node:fs";
await pipeline(createReadStream(process.argv[2]), createWriteStream("/dev/null"))`
    )
    const copied = async (name: string) => peakMemory(process.execPath, [copy, join(directory, name)])
    const plain = await copied(large) - await copied(small)
    const yardstick = { name: "a plain copy by node streams", value: plain }
    const getRaw = await get(large, []) - await get(small, [])
    const getDecompressed = await get(largeZst, ["-d"]) - await get(smallZst, ["-d"])
    return [
      { name: "server, raw download", value: raw, unit: "MiB", yardstick, target: limit(raw) },
      { name: "server, ?decompress=true", value: decompressed, unit: "MiB", yardstick, target: limit(decompressed) },
      { name: "koredumpctl get", value: getRaw, unit: "MiB", yardstick, target: limit(getRaw) },
      { name: "koredumpctl get -d", value: getDecompressed, unit: "MiB", yardstick, target: limit(getDecompressed) }
    ]
  }
}
