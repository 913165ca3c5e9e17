/**
 * Usage: clusterProcess.ts NODES CORES_PER_NODE
 *
 * Measures a cluster source with in-process nodes once and prints the results as JSON. Runs as a separate process to measure
 * its memory.
 */
import {
  type ChangesOptions,
  ClusterReadiness,
  CoreId,
  CoreIndex,
  CoreSource,
  layerClusterCoreSource,
  layerStaticNodeDirectory,
  NodeConnector,
  type UnversionedCore
} from "@koredump/core"
import { Context, Effect, Layer, Stream } from "effect"

/** The results of a run. Times in milliseconds, memory in MiB. */
export interface ClusterRun {
  readonly cores: number
  readonly sync: number
  /** Adding the same cores to a single index. */
  readonly bareSync: number
  readonly lists: ReadonlyArray<number>
  /** The same cores, filtered as an array. */
  readonly bareLists: ReadonlyArray<number>
  readonly changes: ReadonlyArray<number>
  /** From a single index to its watch. */
  readonly bareChanges: ReadonlyArray<number>
  readonly growth: number
}

const [nodeCount = 0, coresEach = 0] = process.argv.slice(2).map(Number)

const makeCore = (node: number, n: number): UnversionedCore => {
  const pid = 1000 + n
  const seconds = 1_795_000_000 + n * nodeCount + node
  return {
    id: CoreId.make(`core.worker.1000.751c449cf1bc47708e93be6dfdbb55a0.${pid}.${seconds}000000.zst`),
    node: `node-${node}`,
    state: "present",
    size: 500_000,
    compression: "zstd",
    title: "SIGSEGV in handle_request (worker)",
    signature: `v1-0123456789abcdef0123456789abc${node % 1000}`,
    namespace: `team-${node % 50}`,
    pod: `web-5d8f7c9b6d-${node}`,
    pod_uid: `2c7a1e0c-5b0d-4b7e-9c55-${String(node).padStart(12, "0")}`,
    container: "web",
    container_id: `containerd://${String(node).padStart(64, "0")}`,
    image_name: "registry.example.com/team/web:1.2.3",
    workload: "Deployment/web",
    ARCH: "x86_64",
    COREDUMP_PID: pid,
    COREDUMP_UID: 1000,
    COREDUMP_GID: 1000,
    COREDUMP_SIGNAL: 11,
    COREDUMP_SIGNAL_NAME: "SIGSEGV",
    COREDUMP_TIMESTAMP: new Date(seconds * 1000).toISOString(),
    COREDUMP_COMM: "worker",
    COREDUMP_EXE: "/usr/local/bin/worker",
    COREDUMP_CMDLINE: "/usr/local/bin/worker --listen=:8080 --config=/etc/worker/config.yaml",
    COREDUMP_CGROUP: `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${node}.slice`,
    _HOSTNAME: `node-${node}`,
    _BOOT_ID: "751c449cf1bc47708e93be6dfdbb55a0",
    _MACHINE_ID: "7f0c6d3e5b1a4928a6d4c2b0e8f19375"
  }
}

/** Measures the time from a change to a watch. */
const latencies = Effect.fnUntraced(function*(
  watched: Stream.Stream<{ readonly type: string }, unknown>,
  happen: (n: number) => void
) {
  let started = 0
  const taken: Array<number> = []
  let done: (() => void) | undefined
  yield* watched.pipe(
    Stream.runForEach(({ type }) =>
      Effect.sync(() => {
        if (type === "BOOKMARK") return
        taken.push(performance.now() - started)
        done?.()
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  for (let n = 0; n < 100; n++) {
    yield* Effect.callback<void>((resume) => {
      done = () => resume(Effect.void)
      started = performance.now()
      happen(n)
    })
  }
  return taken
})

const times = (count: number, work: () => unknown) =>
  Array.from({ length: count }, () => {
    const started = performance.now()
    work()
    return performance.now() - started
  })

const memory = () => {
  globalThis.gc?.()
  return process.memoryUsage().rss / 1024 / 1024
}

const change = (index: CoreIndex) => (n: number) => index.put({ ...makeCore(7, 0), title: `SIGSEGV in f${n} (worker)` })

const run = Effect.gen(function*() {
  const nodes = new Map<string, CoreIndex>()
  const all: Array<UnversionedCore> = []
  for (let node = 0; node < nodeCount; node++) {
    const index = yield* CoreIndex.make()
    nodes.set(`node-${node}`, index)
    for (let n = 0; n < coresEach; n++) {
      const core = makeCore(node, n)
      all.push(core)
      index.put(core)
    }
  }
  const layer = layerClusterCoreSource().pipe(
    Layer.provide(layerStaticNodeDirectory([...nodes.keys()].map((name) => ({ name, address: name })))),
    Layer.provide(Layer.succeed(NodeConnector, {
      connect: ({ name }) =>
        Effect.succeed(
          {
            nodes: Effect.succeed([]),
            // A copy, as from a server, that shares no memory with the node.
            changes: (options?: ChangesOptions) =>
              Stream.map(nodes.get(name)!.changes(options), (event) => structuredClone(event))
          } as unknown as CoreSource["Service"]
        )
    }))
  )
  const before = memory()
  const started = performance.now()
  const context = yield* Layer.build(layer)
  yield* Context.get(context, ClusterReadiness).ready
  const sync = performance.now() - started
  const growth = memory() - before

  const source = Context.get(context, CoreSource)
  const { cores, resourceVersion, unreachable } = yield* source.list({})
  if (cores.length !== all.length || unreachable.length > 0) {
    return yield* Effect.die(new Error(`${cores.length} of ${all.length} cores, ${unreachable.length} nodes missing`))
  }

  const bare = yield* CoreIndex.make()
  const [bareSync] = times(1, () => {
    for (const core of all) bare.put(core)
  })
  const filter = { namespace: ["team-7"] }
  const lists: Array<number> = []
  for (let i = 0; i < 200; i++) {
    const began = performance.now()
    yield* source.list(filter)
    lists.push(performance.now() - began)
  }
  const bareLists = times(200, () => cores.filter(({ namespace }) => namespace === "team-7"))

  const changes = yield* latencies(source.changes({ since: resourceVersion }), change(nodes.get("node-7")!))
  const bareChanges = yield* latencies(bare.changes({ since: bare.resourceVersion }), change(bare))

  const found: ClusterRun = {
    cores: all.length,
    sync,
    bareSync: bareSync!,
    lists,
    bareLists,
    changes,
    bareChanges,
    growth
  }
  process.stdout.write(JSON.stringify(found))
})

await Effect.runPromise(Effect.scoped(run))
