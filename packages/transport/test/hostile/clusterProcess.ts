/**
 * A cluster server without its HTTP side, in a process of its own: `clusterProcess.ts GOOD SECONDS URL…`. It watches a node
 * that works and then the other nodes, one after another, sends each all kinds of requests, and prints what each has cost
 * as a line of JSON.
 */
import { CoreSource, layerClusterCoreSource, layerStaticNodeDirectory } from "@koredump/core"
import { Effect, Layer, References, Schedule, Stream } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { threadCpuUsage } from "node:process"
import { layerHttpNodeConnector } from "../../src/index.ts"
import { makeCore } from "./attacks.ts"

/** What a node has cost. */
export interface Cost {
  /** CPU time of the longest turn of the event loop, milliseconds. The load of the machine does not count. */
  readonly turnMillis: number
  /** The longest delay of the event loop, milliseconds, with the load of the machine. */
  readonly delayMillis: number
  /** Memory in use at the peak, MiB more than before. Without garbage, which depends on when V8 collects it. */
  readonly peakMiB: number
  /** Requests for metadata that succeeded. */
  readonly answered: number
}

const toMillis = ({ system, user }: NodeJS.CpuUsage) => (system + user) / 1000
const cpu = () => toMillis(threadCpuUsage())
const collectGarbage = globalThis.gc ?? (() => {})
const usedMiB = () => {
  collectGarbage()
  const { external, heapUsed } = process.memoryUsage()
  return (heapUsed + external) / 1024 / 1024
}

let answered = 0

/** Measures the process from now until `stop`. */
const startMeasuring = () => {
  answered = 0
  const before = usedMiB()
  let [last, turnMillis, peak] = [cpu(), 0, before]
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  const sample = () => {
    const now = cpu()
    turnMillis = Math.max(turnMillis, now - last)
    last = now
  }
  const sampleMemory = () => {
    sample()
    peak = Math.max(peak, usedMiB())
    last = cpu()
  }
  const timers = [setInterval(sample, 1), setInterval(sampleMemory, 250)]
  return (): Cost => {
    sampleMemory()
    for (const timer of timers) clearInterval(timer)
    histogram.disable()
    return {
      turnMillis: Math.round(turnMillis),
      delayMillis: Math.round(histogram.max / 1e6),
      peakMiB: Math.round(peak - before),
      answered
    }
  }
}

const core = makeCore(1)
const ref = { node: "node-1", id: core.id } as Parameters<CoreSource["Service"]["get"]>[0]

/** Sends eight requests of each kind at the same time. */
const useCores = Effect.gen(function*() {
  const source = yield* CoreSource
  const download = Effect.scoped(Effect.flatMap(source.open(ref), (file) => Stream.runDrain(file.bytes())))
  const get = Effect.map(source.get(ref), () => {
    answered += 1
  })
  const all = [get, download, source.list({ state: "any" }), source.nodes]
  yield* Effect.all(all.flatMap((effect) => Array.from({ length: 8 }, () => Effect.ignore(effect))), {
    concurrency: "unbounded",
    discard: true
  })
})

/** Waits until the core of a node that works is listed. */
const waitForCore = CoreSource.use((source) => source.list({ id: [ref.id] })).pipe(
  Effect.orElseSucceed(() => ({ cores: [] })),
  Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: ({ cores }) => cores.length > 0 }),
  Effect.timeoutOption("5 seconds")
)

/** Runs a cluster of one node for a while, at least until it has answered twice, or not for 15 seconds. */
const useNode = (address: string, seconds: number) =>
  waitForCore.pipe(
    Effect.andThen(Effect.timeoutOption(Effect.repeat(useCores, { times: 1 }), "15 seconds")),
    Effect.andThen(Effect.sleep(`${seconds} seconds`)),
    Effect.provide(
      layerClusterCoreSource().pipe(
        Layer.provide(layerStaticNodeDirectory([{ name: "node-1", address }])),
        Layer.provide(layerHttpNodeConnector({ insecureHttp: true }))
      )
    ),
    Effect.provideService(References.MinimumLogLevel, "None")
  )

const [harmless = "", seconds = "1", ...addresses] = process.argv.slice(2)

await Effect.runPromise(Effect.gen(function*() {
  // Compiles the code and fills the caches.
  yield* useNode(harmless, 1)
  for (const address of [harmless, ...addresses]) {
    const stop = startMeasuring()
    yield* useNode(address, Number(seconds))
    process.stdout.write(`${JSON.stringify(stop())}\n`)
  }
}))
