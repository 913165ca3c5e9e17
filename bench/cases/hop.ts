import { join } from "node:path"
import { curl, sampleMemory, startCluster, startNode, temporaryDirectory, until } from "../support/processes.ts"
import { type Benchmark, figure } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

const GiB = 1024 ** 3

/** The cost of the second hop: downloads from a cluster server, compared with its node agent. */
export const hop: Benchmark = {
  name: "hop",
  about: "download through a cluster server with curl; baseline: directly from the node agent",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const [small, large] = [coreName(0, ""), coreName(1, "")]
    const size = quick ? GiB / 4 : 2 * GiB
    makeLargeFile(join(coredumpDir(host.path), small), 1024 * 1024)
    makeLargeFile(join(coredumpDir(host.path), large), size)
    await using node = await startNode(host.path)
    await using cluster = await startCluster(host.path, { "worker-1": node.url })
    const direct = (name: string) => `${node.url}/apiv1/cores/download/${name}`
    const through = (name: string) => `${cluster.url}/apiv1/cores/download/worker-1/${name}`
    await until(async () => (await curl(through(large))).bytes === size, 100)
    for (let i = 0; i < 10; i++) await curl(through(small))

    const rate = async (url: string) => {
      const { bytes, seconds } = await curl(url)
      if (bytes !== size) throw new Error(`${url}: ${bytes} of ${size} bytes`)
      return bytes / 1e6 / seconds
    }
    const most = async (name: string) => {
      const sampling = sampleMemory(cluster.pid)
      await curl(through(name))
      return sampling.stop().resident
    }
    const base = await most(small)
    const [one, two, growth]: ReadonlyArray<Array<number>> = [[], [], []]
    for (let i = 0; i < (quick ? 2 : 7); i++) {
      one!.push(await rate(direct(large)))
      two!.push(await rate(through(large)))
      growth!.push(await most(large) - base)
    }
    return [
      figure("download through two hops", "MB/s", two!, { baseline: { name: "one hop", rounds: one! } }),
      figure("memory growth of the cluster server", "MiB", growth!, {
        target: { text: "under 64 MiB", meets: ({ rounds }) => Math.max(...rounds) < 64 }
      })
    ]
  }
}
