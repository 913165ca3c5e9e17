/** `koredump-server cluster`: the cores of all nodes of a Kubernetes cluster, for those who may see them. */
import {
  CoreSource,
  DeletionDisabled,
  layerClusterCoreSource,
  layerStaticNodeDirectory,
  type NodeAddress,
  NodeDirectory
} from "@koredump/core"
import { layerKubeNodeDirectory } from "@koredump/kubernetes"
import { invalidAddressReason, layerHttpNodeConnector } from "@koredump/transport"
import { Effect, Layer, Option, Stream } from "effect"
import { Command } from "effect/cli"
import { layerServer } from "../launch.ts"
import { type KubeApiLayer, kubeApiOf, networkMode } from "../network.ts"
import { clusterFlags, commonFlags, listenFlag, networkFlags, opsListenFlag } from "../settings.ts"
import { SettingsError } from "../SettingsError.ts"

const flags = {
  listen: listenFlag("0.0.0.0:5000", "Address"),
  opsListen: opsListenFlag("0.0.0.0:8081"),
  ...networkFlags,
  ...commonFlags,
  ...clusterFlags
}

type Settings = Command.Command.Config.Infer<typeof flags>

const refuse = (message: string) => Effect.fail(new SettingsError({ message }))

/** The node that a `--node NAME=URL` names: by what may stand in a header of lists, where commas are between names. */
const nodeOf = (text: string): Effect.Effect<NodeAddress, SettingsError> => {
  const [, name = "", address = ""] = /^(\w[\w.-]{0,252})=(https?:\/\/\S+)$/.exec(text) ?? []
  if (name === "" || !URL.canParse(address)) {
    return refuse(`--node: "${text}" is no NAME=URL such as worker-1=https://10.0.0.7:5001.`)
  }
  const refusal = invalidAddressReason(address, true)
  return refusal === undefined ? Effect.succeed({ name, address }) : refuse(`--node: the URL of ${name}: ${refusal}.`)
}

const staticNodes = Effect.fnUntraced(function*(texts: ReadonlyArray<string>) {
  const nodes = yield* Effect.forEach(texts, nodeOf)
  const twice = nodes.find(({ name }, i) => nodes.findIndex((other) => other.name === name) !== i)
  return twice === undefined ? nodes : yield* refuse(`--node: node ${twice.name} is named twice.`)
})

/** Which nodes there are: those of the settings, else those that Kubernetes has koredump's pods on. */
const directoryOf = Effect.fnUntraced(function*(
  settings: Settings,
  kubeApi: Option.Option<KubeApiLayer>
): Effect.fn.Return<Layer.Layer<NodeDirectory, SettingsError>, SettingsError> {
  if (settings.node.length > 0) return layerStaticNodeDirectory(yield* staticNodes(settings.node))
  if (Option.isNone(kubeApi)) {
    return yield* refuse("Which nodes there are must be said: --node NAME=URL for each, or --kubeconfig FILE.")
  }
  return layerKubeNodeDirectory({
    namespace: Option.getOrUndefined(settings.namespace),
    scheme: settings.nodeScheme,
    port: settings.nodePort
  }).pipe(
    Layer.provide(kubeApi.value),
    Layer.catchTag("KubeConfigError", ({ message }) => Layer.effectContext(refuse(message)))
  )
})

/** The source, in which nothing can be deleted whatever the nodes allow. */
const withoutDeletion = Layer.effect(
  CoreSource,
  Effect.map(CoreSource, (source) => ({ ...source, remove: () => Effect.fail(new DeletionDisabled()) }))
)

/** The directory's nodes, told once `begin` has ended. */
const beginning = (begin: Effect.Effect<void>) =>
  Layer.effect(
    NodeDirectory,
    Effect.map(NodeDirectory, (directory) => ({
      ...directory,
      nodes: Stream.unwrap(Effect.as(begin, directory.nodes))
    }))
  )

const connectorOf = (settings: Settings) =>
  layerHttpNodeConnector({
    tokenFile: Option.getOrUndefined(settings.nodeTokenFile),
    ca: Option.getOrUndefined(settings.nodeCa),
    serverName: Option.getOrUndefined(settings.nodeServerName),
    // Asked for: by the scheme, or in the URL of a node.
    insecureHttp: settings.nodeScheme === "http" || settings.node.length > 0
  }).pipe(
    Layer.catchTag("HttpNodeConnectorError", ({ message }) => Layer.effectContext(refuse(message)))
  )

/** See the module's text. */
export const cluster = Command.make(
  "cluster",
  flags,
  Effect.fnUntraced(function*(settings) {
    const kubeApi = yield* kubeApiOf(settings)
    const mode = yield* networkMode(settings, kubeApi, { audiences: ["koredump"], acceptApiServerAudience: true })
    const directory = yield* directoryOf(settings, kubeApi)
    return yield* Layer.launch(
      layerServer(
        settings,
        { ...mode, serves: "the cluster" },
        (begin) =>
          (settings.allowDelete ? Layer.empty : withoutDeletion).pipe(
            Layer.provideMerge(layerClusterCoreSource({
              maxChanges: settings.maxChanges,
              maxCores: settings.maxCores,
              maxCoresPerNode: settings.maxCoresPerNode
            })),
            Layer.provide([connectorOf(settings), beginning(begin).pipe(Layer.provide(directory))])
          )
      )
    )
  })
).pipe(Command.withDescription("Serve the cores of all nodes of a cluster"))
