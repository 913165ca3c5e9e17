// Run with: npx node --conditions=@koredump/source examples/embedded-cluster.ts NAME=URL [NAME=URL …]
// Reads the core dumps of several nodes directly from their node agents, without a cluster server.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import {
  ClusterReadiness,
  CoreSource,
  type CoreSummary,
  layerClusterCoreSource,
  layerStaticNodeDirectory,
  watchCores
} from "@koredump/core"
import { layerHttpNodeConnector } from "@koredump/transport"
import { Console, Effect, Layer, Option, Stream } from "effect"

const nodes = process.argv.slice(2).map((argument) => {
  const at = argument.indexOf("=")
  return { name: argument.slice(0, at), address: argument.slice(at + 1) }
})

/** Reads a core from its node and prints its size. */
const report = Effect.fn("report")(function*(core: CoreSummary) {
  const source = yield* CoreSource
  const { bytes } = yield* source.open(core)
  const read = yield* Stream.runFold(bytes(), () => 0, (sum, chunk) => sum + chunk.length)
  yield* Console.log(`${core.node}: ${core.title ?? core.id}, ${read} bytes`)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const source = yield* CoreSource

  // Wait until each node is ready or unreachable.
  yield* ClusterReadiness.use(({ ready }) => ready)
  for (const { lastError, name, state } of yield* source.nodes) yield* Console.log(name, state, lastError ?? "")

  const { cores, resourceVersion } = yield* source.list({})
  yield* Effect.forEach(cores, report, { discard: true })

  // The watch starts where the list ends, so no crash is missed.
  const crash = yield* watchCores(source, { since: resourceVersion, shown: cores }).pipe(
    Stream.filter((event) => event.type !== "BOOKMARK"),
    Stream.filter(({ type }) => type === "ADDED"),
    Stream.runHead,
    Effect.timeoutOption("10 seconds"),
    Effect.map(Option.flatten)
  )
  yield* Option.match(crash, {
    onNone: () => Console.log("No crash within ten seconds."),
    onSome: ({ object }) => report(object)
  })
})

const layer = layerClusterCoreSource().pipe(
  Layer.provide(layerStaticNodeDirectory(nodes)),
  // For nodes with TLS: { ca: "ca.crt", serverName: "koredump-node", tokenFile: "token" }
  Layer.provide(layerHttpNodeConnector({ insecureHttp: true }))
)

NodeRuntime.runMain(Effect.provide(program, layer))
