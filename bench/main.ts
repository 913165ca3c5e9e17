/**
 * Measures koredump against yardsticks in the same run: `npm run bench`, `npm run bench -- download --quick`.
 * Prints a table and writes `bench/results/<name>.json`; `--json` prints that too. Nothing here is a test: what a target
 * says is printed, and the exit code tells only whether the benchmarks could run.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { cliList } from "./cases/cliList.ts"
import { cluster } from "./cases/cluster.ts"
import { decompress } from "./cases/decompress.ts"
import { download } from "./cases/download.ts"
import { hop } from "./cases/hop.ts"
import { listStart } from "./cases/listStart.ts"
import { sea } from "./cases/sea.ts"
import { streamMemory } from "./cases/streamMemory.ts"
import { watch } from "./cases/watch.ts"
import { formatFigures } from "./support/Result.ts"

const benchmarks = [download, hop, listStart, cliList, sea, streamMemory, watch, cluster, decompress]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } }
})

const names = benchmarks.map(({ name }) => name)
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`No benchmark ${unknown.join(", ")}; there are: ${names.join(", ")}\n`)
  process.exit(2)
}

// What was started and made goes with the process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const print = (text: string) => process.stdout.write(`${text}\n`)
const results = join(import.meta.dirname, "results")
mkdirSync(results, { recursive: true })

for (const benchmark of benchmarks) {
  if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue
  if (!values.json) print(`${benchmark.name}: ${benchmark.about}`)
  // What else the machine was doing: with two processors, a load of 2 before it starts makes poor figures.
  const load = loadavg()[0]!
  try {
    const figures = await benchmark.run({ quick: values.quick })
    const result = {
      benchmark: benchmark.name,
      at: new Date().toISOString(),
      machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, node ${process.version}`,
      load,
      quick: values.quick,
      figures
    }
    writeFileSync(join(results, `${benchmark.name}.json`), `${JSON.stringify(result, null, 2)}\n`)
    print(values.json ? JSON.stringify(result) : `${formatFigures(figures)}\n  load before: ${load.toFixed(2)}\n`)
  } catch (error) {
    process.stderr.write(`${benchmark.name} could not run: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
