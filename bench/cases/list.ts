import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { measureRate, startNginx, startNode, temporaryDirectory, token, until } from "../support/processes.ts"
import { type Benchmark, type Figure, figure } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

/** Lists per second, with one and with many clients. */
export const list: Benchmark = {
  name: "list",
  about: "lists of 1,000 cores from the node agent, over 1 and 16 connections; baseline: nginx sending the same bytes",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    makeCores(host.path, 1000)
    makeJournal(host.path, 1000)
    await using node = await startNode(host.path)
    const url = `${node.url}/apiv1/cores`
    let bytes = ""
    await until(async () => {
      bytes = await (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).text()
      return bytes.split("\"state\":\"present\"").length === 1001
    }, 100)
    mkdirSync(join(host.path, "files"))
    writeFileSync(join(host.path, "files/cores"), bytes)
    await using nginx = await startNginx(host.path, "sendfile on; tcp_nopush on;")
    const figures: Array<Figure> = []
    const millis = quick ? 500 : 3000
    for (const connections of [1, 16]) {
      const [ours, theirs]: ReadonlyArray<Array<number>> = [[], []]
      await measureRate(url, connections, millis)
      for (let i = 0; i < (quick ? 2 : 7); i++) {
        ours!.push(await measureRate(url, connections, millis))
        theirs!.push(await measureRate(`${nginx.url}/cores`, connections, millis))
      }
      figures.push(
        figure(`list of 1,000 cores, ${connections} ${connections === 1 ? "connection" : "connections"}`, "/s", ours!, {
          baseline: { name: "nginx", rounds: theirs! },
          target: { text: "ratio at least 0.6", meets: ({ ratio }) => ratio!.median >= 0.6 }
        })
      )
    }
    return figures
  }
}
