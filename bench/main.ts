/**
 * Run with: npm run bench            (npm run bench -- download --quick runs one benchmark, with less data)
 *
 * Measures koredump and compares it with a baseline in the same run. Prints a table and writes
 * `bench/results/<name>.json`. With --json, prints that instead. The exit code is 0 even if a target is missed, and 1 if a
 * benchmark fails to run.
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
import { idle } from "./cases/idle.ts"
import { list } from "./cases/list.ts"
import { listStart } from "./cases/listStart.ts"
import { sea } from "./cases/sea.ts"
import { streamMemory } from "./cases/streamMemory.ts"
import { watch } from "./cases/watch.ts"
import { formatFigures } from "./support/Result.ts"

const benchmarks = [download, decompress, hop, list, listStart, idle, cliList, sea, streamMemory, watch, cluster]

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } }
})

const names = benchmarks.map(({ name }) => name)
const unknown = positionals.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`Unknown benchmark: ${unknown.join(", ")}. Benchmarks: ${names.join(", ")}\n`)
  process.exit(2)
}

// Stops child processes and deletes temporary directories.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const print = (text: string) => process.stdout.write(`${text}\n`)
const results = join(import.meta.dirname, "results")
mkdirSync(results, { recursive: true })

for (const benchmark of benchmarks) {
  if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue
  if (!values.json) print(`${benchmark.name}: ${benchmark.about}`)
  // A high load before the start makes the results unreliable.
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
    process.stderr.write(`${benchmark.name} failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
