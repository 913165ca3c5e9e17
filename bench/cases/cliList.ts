import { cliMain, startNode, temporaryDirectory, timed, token, until } from "../support/processes.ts"
import { type Benchmark, figure } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

/** Run time of `koredumpctl list`, alternating with an empty Node.js process. */
export const cliList: Benchmark = {
  name: "cli-list",
  about: "run time of koredumpctl list with 1,000 cores; baseline: an empty Node.js process",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    makeCores(host.path, 1000)
    makeJournal(host.path, 1000)
    await using node = await startNode(host.path)
    const command = (format: string) => [cliMain, "list", "-o", format, "--server", node.url, "--token", token]
    await until(async () => (await timed(process.execPath, command("name"))).stdout.split("\n").length > 1000, 200)
    const nothing: Array<number> = []
    const formats = ["table", "long", "json"]
    const runs = formats.map((): Array<number> => [])
    for (let i = 0; i < (quick ? 3 : 15); i++) {
      nothing.push((await timed(process.execPath, ["-e", "0"])).seconds)
      for (const [which, format] of formats.entries()) {
        runs[which]!.push((await timed(process.execPath, command(format))).seconds)
      }
    }
    return formats.map((format, which) =>
      figure(`koredumpctl list -o ${format}`, "s", runs[which]!, {
        baseline: { name: "node -e 0", rounds: nothing },
        target: {
          text: "at most 0.2 s more",
          meets: ({ median, baseline }) => median - baseline!.median <= 0.2
        }
      })
    )
  }
}
