import { linkSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { curl, startNginx, startNode, temporaryDirectory, until } from "../support/processes.ts"
import { type Benchmark, figure } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

const GiB = 1024 ** 3

/** Downloads of the same file, alternating between koredump and nginx. */
export const download: Benchmark = {
  name: "download",
  about: "download of 1 GiB from the node agent with curl; baseline: the same file from nginx",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const file = join(coredumpDir(host.path), coreName(0, ""))
    const size = quick ? GiB / 8 : GiB
    makeLargeFile(file, size)
    mkdirSync(join(host.path, "files"))
    linkSync(file, join(host.path, "files/core"))
    await using sending = await startNginx(host.path, "sendfile on; tcp_nopush on;")
    await using copying = await startNginx(host.path, "sendfile off; output_buffers 2 1m;")
    await using node = await startNode(host.path)
    const rate = async (url: string) => {
      const { bytes, seconds } = await curl(url)
      if (bytes !== size) throw new Error(`${url}: ${bytes} of ${size} bytes`)
      return bytes / 1e6 / seconds
    }
    const urls = [
      `${node.url}/apiv1/cores/download/${coreName(0, "")}`,
      `${sending.url}/core`,
      `${copying.url}/core`
    ]
    await until(async () => await rate(urls[0]!) > 0, 100)
    const [ours, sendfile, buffers] = urls.map((): Array<number> => []) as [
      Array<number>,
      Array<number>,
      Array<number>
    ]
    for (let i = 0; i < (quick ? 3 : 11); i++) {
      for (const [which, rates] of [ours, sendfile, buffers].entries()) rates.push(await rate(urls[which]!))
    }
    return [
      figure("raw download", "MB/s", ours, {
        baseline: { name: "nginx, sendfile", rounds: sendfile },
        target: { text: "ratio at least 1", meets: ({ ratio }) => ratio!.median >= 1 }
      }),
      figure("raw download", "MB/s", ours, { baseline: { name: "nginx, buffers of 1 MiB", rounds: buffers } })
    ]
  }
}
