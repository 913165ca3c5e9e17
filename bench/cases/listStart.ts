import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readMemory, startNginx, startNode, temporaryDirectory, timed, token, until } from "../support/processes.ts"
import { type Benchmark, type Figure, figure, percentile } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

const get = async (url: string): Promise<Uint8Array> => {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

const millis = async (url: string): Promise<number> => {
  const started = performance.now()
  await get(url)
  return performance.now() - started
}

const latency = (name: string, ours: ReadonlyArray<number>, nginx: ReadonlyArray<number>): ReadonlyArray<Figure> =>
  ([["median", 0.5], ["p99", 0.99]] as const).map(([which, share]) =>
    figure(`${name}, ${which}`, "ms", [percentile(ours, share)], {
      baseline: { name: "nginx", rounds: [percentile(nginx, share)] }
    })
  )

/** Time from the start of a server to the first list, memory, and latency of lists. */
export const listStart: Benchmark = {
  name: "list-start",
  about:
    "node agent with 10,000 cores: start, memory, lists; baseline: journalctl -o export, or nginx with the same bytes",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    const count = quick ? 1000 : 10_000
    makeHost(host.path)
    makeCores(host.path, count)
    makeJournal(host.path, count)
    const reading = `journalctl --root=${host.path} --output=export > /dev/null`
    const starts: Array<number> = []
    const readings: Array<number> = []
    const peaks: Array<number> = []
    const residents: Array<number> = []
    for (let i = 0; i < (quick ? 1 : 5); i++) {
      readings.push((await timed("sh", ["-c", reading])).seconds)
      const started = performance.now()
      await using node = await startNode(host.path)
      let list: Uint8Array | undefined
      await until(async () => (list = await get(`${node.url}/apiv1/cores?state=any`)).length > 0)
      starts.push((performance.now() - started) / 1000)
      const { peak, resident } = readMemory(node.pid)
      peaks.push(peak)
      residents.push(resident)
      const present = (JSON.parse(Buffer.from(list!).toString()) as ReadonlyArray<{ readonly state: string }>)
        .filter(({ state }) => state === "present").length
      if (present !== count) throw new Error(`only ${present} of ${count} cores are listed with journal fields`)
    }
    await using node = await startNode(host.path)
    const url = `${node.url}/apiv1/cores`
    const page = `${url}?limit=100&order=desc`
    await until(async () => (await get(url)).length > 0)
    const list = await get(url)
    mkdirSync(join(host.path, "files"))
    writeFileSync(join(host.path, "files/cores"), list)
    writeFileSync(join(host.path, "files/page"), await get(page))
    await using nginx = await startNginx(host.path, "sendfile on; tcp_nopush on;")
    const lists: Array<number> = []
    const pages: Array<number> = []
    const sentLists: Array<number> = []
    const sentPages: Array<number> = []
    for (let i = 0; i < (quick ? 20 : 100); i++) {
      lists.push(await millis(url))
      sentLists.push(await millis(`${nginx.url}/cores`))
      pages.push(await millis(page))
      sentPages.push(await millis(`${nginx.url}/page`))
    }
    return [
      figure(`spawn to first list of ${count} cores`, "s", starts, {
        baseline: { name: "journalctl -o export", rounds: readings },
        target: { text: "ratio at most 1.5", meets: ({ ratio }) => ratio!.median <= 1.5 }
      }),
      figure("peak memory (VmHWM), including the first list", "MiB", peaks, {
        target: { text: "at most 180 MiB", meets: ({ median }) => median <= 180 }
      }),
      figure("memory (VmRSS) after the first list", "MiB", residents),
      figure("bytes of the list", "MB", [list.length / 1e6]),
      ...latency("list", lists, sentLists),
      ...latency("page of the newest 100", pages, sentPages)
    ]
  }
}
