import { spawn } from "node:child_process"
import { readMemory, startNode, temporaryDirectory, token, until } from "../support/processes.ts"
import { type Benchmark, figure } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

const count = 10

/** Memory of a node agent that has nothing to do. */
export const idle: Benchmark = {
  name: "idle",
  about: "memory of a node agent with ten cores, 15 seconds after its start; baseline: a Node.js process that waits",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    makeCores(host.path, count)
    makeJournal(host.path, count)
    const [ours, bare]: ReadonlyArray<Array<number>> = [[], []]
    for (let i = 0; i < (quick ? 1 : 5); i++) {
      const waiting = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1e6)"], { stdio: "ignore" })
      await using node = await startNode(host.path)
      const list = () => fetch(`${node.url}/apiv1/cores`, { headers: { authorization: `Bearer ${token}` } })
      await until(async () => (await (await list()).text()).split("\"state\":\"present\"").length === count + 1, 100)
      await new Promise((resolve) => setTimeout(resolve, quick ? 3000 : 15_000))
      ours!.push(readMemory(node.pid).resident)
      bare!.push(readMemory(waiting.pid!).resident)
      waiting.kill()
    }
    return [
      figure("idle node agent with ten cores (VmRSS)", "MiB", ours!, {
        baseline: { name: "waiting Node.js", rounds: bare! },
        target: { text: "at most 70 MiB", meets: ({ median }) => median <= 70 }
      })
    ]
  }
}
