import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { memoryOf, startNginx, startNode, temporaryDirectory, timed, token, until } from "../support/processes.ts"
import { type Benchmark, median, percentile } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

const get = async (url: string): Promise<ArrayBuffer> => {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`)
  return response.arrayBuffer()
}

const latencies = async (url: string, rounds: number): Promise<ReadonlyArray<number>> => {
  const millis: Array<number> = []
  for (let i = 0; i < rounds; i++) {
    const started = performance.now()
    await get(url)
    millis.push(performance.now() - started)
  }
  return millis
}

/** From the start of the process to the first list, its memory, and how long lists take. */
export const listStart: Benchmark = {
  name: "list-start",
  about: "a node server with 10,000 cores and their journal: start, memory, lists",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    const count = quick ? 1000 : 10_000
    makeHost(host.path)
    makeCores(host.path, count)
    makeJournal(host.path, count)
    const starts: Array<number> = []
    const yardsticks: Array<number> = []
    const memory: Array<number> = []
    for (let i = 0; i < (quick ? 1 : 3); i++) {
      const journal = await timed("journalctl", [`--root=${host.path}`, "--output=export", "--output-fields=MESSAGE"])
      yardsticks.push(journal.seconds)
      const started = performance.now()
      await using node = await startNode(host.path, ["--root", host.path])
      let cores: ArrayBuffer | undefined
      await until(async () => {
        cores = await get(`${node.url}/apiv1/cores?state=any`)
        return true
      })
      starts.push((performance.now() - started) / 1000)
      memory.push(memoryOf(node.pid).peak)
      const listed = (JSON.parse(Buffer.from(cores!).toString()) as ReadonlyArray<{ readonly state: string }>)
        .filter(({ state }) => state === "present").length
      if (listed !== count) throw new Error(`${listed} of ${count} cores are listed with what the journal knows`)
    }
    await using node = await startNode(host.path, ["--root", host.path])
    const url = `${node.url}/apiv1/cores`
    await until(async () => (await get(url)).byteLength > 0)
    mkdirSync(join(host.path, "files"))
    writeFileSync(join(host.path, "files/cores"), new Uint8Array(await get(url)))
    await using nginx = await startNginx(host.path)
    const rounds = quick ? 20 : 100
    const static_ = await latencies(`${nginx.url}/cores`, rounds)
    const lists = await latencies(url, rounds)
    const page = await latencies(`${url}?limit=100&order=desc`, rounds)
    return [
      {
        name: `spawn to first list of ${count} cores`,
        value: median(starts),
        unit: "s",
        rounds: starts,
        yardstick: { name: "journalctl alone", value: median(yardsticks) },
        target: { text: "under 3 s", met: Math.max(...starts) < 3 }
      },
      {
        name: "most memory, first list included",
        value: median(memory),
        unit: "MiB",
        rounds: memory,
        target: { text: "under 200 MiB", met: Math.max(...memory) < 200 }
      },
      {
        name: `list of all ${count}, median`,
        value: median(lists),
        unit: "ms",
        yardstick: { name: "nginx, same bytes", value: median(static_) }
      },
      {
        name: `list of all ${count}, 99 of 100`,
        value: percentile(lists, 0.99),
        unit: "ms",
        yardstick: { name: "nginx, same bytes", value: percentile(static_, 0.99) }
      },
      { name: "page of 100, newest first, median", value: median(page), unit: "ms" }
    ]
  }
}
