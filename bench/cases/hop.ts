import { linkSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import {
  curl,
  makeTlsFiles,
  sampleMemory,
  startCluster,
  startNginx,
  startNginxProxy,
  startNode,
  temporaryDirectory,
  type TlsFiles,
  until
} from "../support/processes.ts"
import { type Benchmark, type Figure, figure } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

const GiB = 1024 ** 3

const [small, large] = [coreName(0, ""), coreName(1, "")]

const measure = async (root: string, size: number, rounds: number, tls?: TlsFiles): Promise<ReadonlyArray<Figure>> => {
  await using node = await startNode(root, tls)
  await using cluster = await startCluster(root, { "worker-1": node.url }, tls)
  await using upstream = await startNginx(root, "sendfile on; tcp_nopush on;", tls)
  await using proxy = await startNginxProxy(root, upstream.url, tls)
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
  const [one, two, nginx, growth]: ReadonlyArray<Array<number>> = [[], [], [], []]
  for (let i = 0; i < rounds; i++) {
    one!.push(await rate(direct(large)))
    two!.push(await rate(through(large)))
    nginx!.push(await rate(`${proxy.url}/core`))
    growth!.push(await most(large) - base)
  }
  const kind = tls === undefined ? "plain" : "TLS"
  return [
    figure(`download through two hops, ${kind}`, "MB/s", two!, {
      baseline: { name: "nginx proxying nginx", rounds: nginx! },
      target: { text: "ratio at least 0.8", meets: ({ ratio }) => ratio!.median >= 0.8 }
    }),
    figure(`download through two hops, ${kind}`, "MB/s", two!, { baseline: { name: "one hop", rounds: one! } }),
    figure(`memory growth of the cluster server, ${kind}`, "MiB", growth!, {
      target: { text: "under 64 MiB", meets: ({ rounds }) => Math.max(...rounds) < 64 }
    })
  ]
}

/** The cost of the second hop: downloads from a cluster server. */
export const hop: Benchmark = {
  name: "hop",
  about: "download of 1 GiB through a cluster server with curl; baselines: nginx proxying nginx, the node agent",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const size = quick ? GiB / 4 : GiB
    makeLargeFile(join(coredumpDir(host.path), small), 1024 * 1024)
    makeLargeFile(join(coredumpDir(host.path), large), size)
    mkdirSync(join(host.path, "files"))
    linkSync(join(coredumpDir(host.path), large), join(host.path, "files/core"))
    const rounds = quick ? 2 : 7
    return [
      ...await measure(host.path, size, rounds),
      ...await measure(host.path, size, rounds, makeTlsFiles(host.path))
    ]
  }
}
