// Run with: npx node --conditions=@koredump/source examples/embedded-cluster.ts NAME=URL [NAME=URL …]
// A bot with the cores of many nodes at hand, straight from their agents: no cluster server in between.
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

/** Reads a core from its node, as a bot would that hands it on, and tells how much that was. */
const report = Effect.fn("report")(function*(core: CoreSummary) {
  const source = yield* CoreSource
  const { bytes } = yield* source.open(core)
  const read = yield* Stream.runFold(bytes(), () => 0, (sum, chunk) => sum + chunk.length)
  yield* Console.log(`${core.node}: ${core.title ?? core.id}, ${read} bytes`)
}, Effect.scoped)

const program = Effect.gen(function*() {
  const source = yield* CoreSource

  // Every node has answered, or is known not to.
  yield* ClusterReadiness.use(({ ready }) => ready)
  for (const { lastError, name, state } of yield* source.nodes) yield* Console.log(name, state, lastError ?? "")

  const { cores, resourceVersion } = yield* source.list({})
  yield* Effect.forEach(cores, report, { discard: true })

  // From the list on nothing is missed; ten seconds are enough for an example.
  const crash = yield* watchCores(source, { since: resourceVersion, shown: cores }).pipe(
    Stream.filter((event) => event.type !== "BOOKMARK"),
    Stream.filter(({ type }) => type === "ADDED"),
    Stream.runHead,
    Effect.timeoutOption("10 seconds"),
    Effect.map(Option.flatten)
  )
  yield* Option.match(crash, {
    onNone: () => Console.log("Nothing crashed within ten seconds."),
    onSome: ({ object }) => report(object)
  })
})

const layer = layerClusterCoreSource().pipe(
  Layer.provide(layerStaticNodeDirectory(nodes)),
  // Where nodes have certificates: { ca: "ca.crt", serverName: "koredump-node", tokenFile: "token" }
  Layer.provide(layerHttpNodeConnector({ insecureHttp: true }))
)

NodeRuntime.runMain(Effect.provide(program, layer))
