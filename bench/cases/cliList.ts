import { cliMain, startNode, temporaryDirectory, timed, token, until } from "../support/processes.ts"
import { type Benchmark, median } from "../support/Result.ts"
import { makeCores, makeHost, makeJournal } from "../support/sampleCores.ts"

/** `koredumpctl list` as a whole process, by turns with a node process that does nothing. */
export const cliList: Benchmark = {
  name: "cli-list",
  about: "koredumpctl list of 1,000 cores, whole process",
  run: async ({ quick }) => {
    using host = temporaryDirectory()
    makeHost(host.path)
    makeCores(host.path, 1000)
    makeJournal(host.path, 1000)
    await using node = await startNode(host.path, ["--root", host.path])
    const command = (format: string) => [cliMain, "list", "-o", format, "--server", node.url, "--token", token]
    await until(async () => (await timed(process.execPath, command("name"))).stdout.split("\n").length > 1000, 200)
    const nothing: Array<number> = []
    const runs: Record<string, Array<number>> = { table: [], long: [], json: [] }
    for (let i = 0; i < (quick ? 3 : 15); i++) {
      nothing.push((await timed(process.execPath, ["-e", "0"])).seconds)
      for (const [format, seconds] of Object.entries(runs)) {
        seconds.push((await timed(process.execPath, command(format))).seconds)
      }
    }
    return Object.entries(runs).map(([format, seconds]) => ({
      name: `koredumpctl list -o ${format}`,
      value: median(seconds),
      unit: "s",
      rounds: seconds,
      yardstick: { name: "node -e 0", value: median(nothing) },
      target: { text: "under 0.4 s more", met: median(seconds) - median(nothing) < 0.4 }
    }))
  }
}
