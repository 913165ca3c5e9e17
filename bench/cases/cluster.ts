import { join } from "node:path"
import type { ClusterRun } from "../support/clusterProcess.ts"
import { timed } from "../support/processes.ts"
import { type Benchmark, figure, median, percentile } from "../support/Result.ts"

/** The cost of a cluster source, without the network. */
export const cluster: Benchmark = {
  name: "cluster",
  about: "1,000 in-process nodes with 20 cores each; baseline: a single index, or an array, with the same cores",
  run: async ({ quick }) => {
    const nodes = quick ? 200 : 1000
    const runs: Array<ClusterRun> = []
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      const { stdout } = await timed(process.execPath, [
        ...process.execArgv,
        "--expose-gc",
        join(import.meta.dirname, "../support/clusterProcess.ts"),
        String(nodes),
        "20"
      ])
      runs.push(JSON.parse(stdout) as ClusterRun)
    }
    const cores = runs[0]!.cores
    return [
      figure(`${nodes} nodes to one list of ${cores} cores`, "ms", runs.map(({ sync }) => sync), {
        baseline: { name: "single index", rounds: runs.map(({ bareSync }) => bareSync) },
        target: { text: "under 20 s", meets: (found) => found.median < 20_000 }
      }),
      figure("list of one namespace, median", "ms", runs.map(({ lists }) => median(lists)), {
        baseline: { name: "array filter", rounds: runs.map(({ bareLists }) => median(bareLists)) },
        target: { text: "under 2 ms", meets: (found) => found.median < 2 }
      }),
      figure("change of one node to a watch, p99", "ms", runs.map(({ changes }) => percentile(changes, 0.99)), {
        baseline: { name: "single index", rounds: runs.map(({ bareChanges }) => percentile(bareChanges, 0.99)) },
        target: { text: "under 250 ms", meets: (found) => found.median < 250 }
      }),
      figure("growth of memory (VmRSS)", "MiB", runs.map(({ growth }) => growth), {
        target: { text: "under 400 MiB", meets: (found) => found.median < 400 }
      })
    ]
  }
}
