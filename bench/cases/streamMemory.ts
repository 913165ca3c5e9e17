import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  cliMain,
  curl,
  type Memory,
  sampleMemory,
  startNode,
  temporaryDirectory,
  token,
  until
} from "../support/processes.ts"
import { type Benchmark, type Figure, figure } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

const GiB = 1024 ** 3

const plainCopy =
  `import { pipeline } from "node:stream/promises"; import { createReadStream, createWriteStream } from "node:fs"
await pipeline(createReadStream(process.argv[2]), createWriteStream(process.argv[3], { flush: true }))`

/** The result of one transfer. */
interface Run {
  readonly most: Memory
  readonly seconds: number
}

const runNode = async (args: ReadonlyArray<string>): Promise<Run> => {
  const started = performance.now()
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], timeout: 120_000 })
  const sampling = sampleMemory(child.pid!)
  const [code] = await once(child, "close")
  const seconds = (performance.now() - started) / 1000
  const most = sampling.stop()
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`)
  return { most, seconds }
}

/** Memory for a large core, minus memory for a small one. */
export const streamMemory: Benchmark = {
  name: "stream-memory",
  about: "memory growth for a core of 2 GiB, by HTTP and koredumpctl get; baseline: a copy with Node.js streams",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const directory = coredumpDir(host.path)
    const [small, large, smallZst, largeZst] = [coreName(0, ""), coreName(1, ""), coreName(2), coreName(3)]
    const size = quick ? GiB / 4 : 2 * GiB
    makeLargeFile(join(directory, small), 1024 * 1024)
    makeLargeFile(join(directory, large), size)
    for (const [from, to] of [[small, smallZst], [large, largeZst]] as const) {
      const { status } = spawnSync("zstd", ["-q", "-1", "-T2", "-o", join(directory, to), join(directory, from)])
      if (status !== 0) throw new Error("zstd not found. Run: apt-get install zstd")
    }
    await using node = await startNode(host.path)
    const makeUrl = (name: string, query: string) => `${node.url}/apiv1/cores/download/${name}${query}`
    await until(async () => (await curl(makeUrl(small, ""))).bytes > 0, 100)
    // Warm up the server with requests of each kind.
    for (let i = 0; i < 10; i++) {
      await curl(makeUrl(small, ""))
      await curl(makeUrl(smallZst, "?decompress=true"))
    }
    const served = async (name: string, query: string): Promise<Run> => {
      const sampling = sampleMemory(node.pid)
      const { bytes, seconds } = await curl(makeUrl(name, query))
      const most = sampling.stop()
      const expected = name === small || name === smallZst ? 1024 * 1024 : size
      if (bytes !== expected) throw new Error(`${name}: ${bytes} of ${expected} bytes`)
      return { most, seconds }
    }
    const got = async (name: string, args: ReadonlyArray<string>): Promise<Run> => {
      using target = temporaryDirectory()
      const file = `-o=${join(target.path, "core")}`
      return await runNode([cliMain, "get", name, ...args, `--server=${node.url}`, `--token=${token}`, file])
    }
    const copy = join(host.path, "copy.mjs")
    writeFileSync(copy, plainCopy)
    const copied = async (name: string): Promise<Run> => {
      using target = temporaryDirectory()
      return await runNode([copy, join(directory, name), join(target.path, "core")])
    }
    const ways = [
      ["plain copy", () => copied(small), () => copied(large)],
      ["server, raw", () => served(small, ""), () => served(large, "")],
      [
        "server, ?decompress=true",
        () => served(smallZst, "?decompress=true"),
        () => served(largeZst, "?decompress=true")
      ],
      ["koredumpctl get", () => got(small, []), () => got(large, [])],
      ["koredumpctl get -d", () => got(smallZst, ["-d"]), () => got(largeZst, ["-d"])]
    ] as const
    const found = ways.map(([name]) => ({
      name,
      resident: [] as Array<number>,
      anonymous: [] as Array<number>,
      rate: [] as Array<number>
    }))
    // Measure the small core only once, so that memory that a round leaves in the server counts as growth.
    const base: Array<Memory> = []
    for (const [, runSmall] of ways) base.push((await runSmall()).most)
    for (let i = 0; i < (quick ? 1 : 3); i++) {
      for (const [which, [, , runLarge]] of ways.entries()) {
        const { most, seconds } = await runLarge()
        found[which]!.resident.push(most.resident - base[which]!.resident)
        found[which]!.anonymous.push(most.anonymous - base[which]!.anonymous)
        found[which]!.rate.push(size / 1e6 / seconds)
      }
    }
    const [plain, ...ours] = found
    return ours.flatMap(({ anonymous, name, rate, resident }): ReadonlyArray<Figure> => [
      figure(`${name}: growth`, "MiB", resident, {
        baseline: { name: "copy", rounds: plain!.resident },
        target: { text: "under 64 MiB", meets: ({ rounds }) => Math.max(...rounds) < 64 }
      }),
      figure(`${name}: growth, anonymous`, "MiB", anonymous, {
        baseline: { name: "copy", rounds: plain!.anonymous }
      }),
      figure(`${name}: core`, "MB/s", rate, { baseline: { name: "copy", rounds: plain!.rate } })
    ])
  }
}
