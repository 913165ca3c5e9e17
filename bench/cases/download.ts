import { linkSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { curlRate, startNginx, startNode, temporaryDirectory, until } from "../support/processes.ts"
import { type Benchmark, median } from "../support/Result.ts"
import { coredumpDir, coreName, makeHost, makeLargeFile } from "../support/sampleCores.ts"

const GiB = 1024 ** 3

/** The same file, by turns from koredump and from nginx. */
export const download: Benchmark = {
  name: "download",
  about: "raw download of 1 GiB from the node server; nginx with sendfile sends the same file",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    const file = join(coredumpDir(host.path), coreName(0, ""))
    makeLargeFile(file, quick ? GiB / 8 : GiB)
    mkdirSync(join(host.path, "files"))
    linkSync(file, join(host.path, "files/core"))
    await using nginx = await startNginx(host.path)
    await using node = await startNode(host.path, ["--root", host.path, "--node-name", "bench"])
    const url = `${node.url}/apiv1/cores/download/${coreName(0, "")}`
    await until(async () => await curlRate(url) > 0, 100)
    await curlRate(`${nginx.url}/core`)
    const ours: Array<number> = []
    const theirs: Array<number> = []
    for (let i = 0; i < (quick ? 3 : 9); i++) {
      ours.push(await curlRate(url) / 1e6)
      theirs.push(await curlRate(`${nginx.url}/core`) / 1e6)
    }
    const ratio = median(ours) / median(theirs)
    return [{
      name: "raw download",
      value: median(ours),
      unit: "MB/s",
      rounds: ours,
      yardstick: { name: "nginx", value: median(theirs) },
      target: { text: "ratio at least 1", met: ratio >= 1 }
    }]
  }
}
