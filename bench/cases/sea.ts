import { execFileSync } from "node:child_process"
import { join } from "node:path"
import { startNode, temporaryDirectory, timed, token, until } from "../support/processes.ts"
import { type Benchmark, figure } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

/** Run time of the single-file koredumpctl, alternating with an empty Node.js process. */
export const sea: Benchmark = {
  name: "sea",
  about: "run time of the single-file koredumpctl: version, and list of 100 cores; baseline: an empty Node.js process",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    makeCores(host.path, 100)
    makeJournal(host.path, 100)
    const executable = join(host.path, "koredumpctl")
    execFileSync(process.execPath, ["sea/build.ts", "--out", executable], {
      cwd: join(import.meta.dirname, "../../packages/cli"),
      stdio: "ignore"
    })
    await using node = await startNode(host.path)
    const list = ["list", "-o", "name", "--server", node.url, "--token", token]
    await until(async () => (await timed(executable, list)).stdout.split("\n").length > 100, 200)
    const nothing: Array<number> = []
    const runs = [["version"], list].map((argv) => ({ argv, seconds: [] as Array<number> }))
    for (let i = 0; i < (quick ? 3 : 15); i++) {
      nothing.push((await timed(process.execPath, ["-e", "0"])).seconds)
      for (const { argv, seconds } of runs) seconds.push((await timed(executable, argv)).seconds)
    }
    return runs.map(({ argv, seconds }) =>
      figure(`koredumpctl ${argv[0]}, single file`, "s", seconds, {
        baseline: { name: "node -e 0", rounds: nothing },
        target: {
          text: "at most 0.2 s more",
          meets: ({ median, baseline }) => median - baseline!.median <= 0.2
        }
      })
    )
  }
}
