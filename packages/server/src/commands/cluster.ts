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
import { clusterFlags, commonFlags, listenFlag, networkFlags, opsListenFlag } from "../settings/flags.ts"
import { failSettings, type SettingsError } from "../settings/SettingsError.ts"
import { launchServer } from "./launchServer.ts"
import { type KubeApiLayer, resolveKubeApi, resolveNetworkMode } from "./networkMode.ts"

const flags = {
  listen: listenFlag("0.0.0.0:5000", "Address to listen on"),
  opsListen: opsListenFlag("0.0.0.0:8081"),
  ...networkFlags,
  ...commonFlags,
  ...clusterFlags
}

type Settings = Command.Command.Config.Infer<typeof flags>

/** Parses a value of `--node`. A name cannot contain a comma, which separates names in the `Koredump-Unreachable` header. */
const parseNode = (text: string): Effect.Effect<NodeAddress, SettingsError> => {
  const [, name = "", address = ""] = /^(\w[\w.-]{0,252})=(https?:\/\/\S+)$/.exec(text) ?? []
  if (name === "" || !URL.canParse(address)) {
    return failSettings(`--node: invalid value "${text}". Use NAME=URL, for example worker-1=https://10.0.0.7:5001.`)
  }
  const reason = invalidAddressReason(address, true)
  return reason === undefined
    ? Effect.succeed({ name, address })
    : failSettings(`--node: invalid URL of node ${name}: ${reason}.`)
}

const parseNodes = Effect.fnUntraced(function*(texts: ReadonlyArray<string>) {
  const nodes = yield* Effect.forEach(texts, parseNode)
  const repeated = nodes.find(({ name }, i) => nodes.findIndex((other) => other.name === name) !== i)
  return repeated === undefined ? nodes : yield* failSettings(`--node: node ${repeated.name} is specified twice.`)
})

/** Makes the directory of the nodes in the settings or, without any, of the nodes with a node agent pod. */
const makeNodeDirectory = Effect.fnUntraced(function*(
  settings: Settings,
  kubeApi: Option.Option<KubeApiLayer>
): Effect.fn.Return<Layer.Layer<NodeDirectory, SettingsError>, SettingsError> {
  if (settings.node.length > 0) return layerStaticNodeDirectory(yield* parseNodes(settings.node))
  if (Option.isNone(kubeApi)) {
    return yield* failSettings("Specify the nodes: use --node NAME=URL for each node, or --kubeconfig FILE.")
  }
  return layerKubeNodeDirectory({
    namespace: Option.getOrUndefined(settings.namespace),
    scheme: settings.nodeScheme,
    port: settings.nodePort
  }).pipe(
    Layer.provide(kubeApi.value),
    Layer.catchTag("KubeConfigError", ({ message }) => Layer.effectContext(failSettings(message)))
  )
})

/** Disables deletion, even if the node agents allow it. */
const layerDeletionDisabled = Layer.effect(
  CoreSource,
  Effect.map(CoreSource, (source) => ({ ...source, remove: () => Effect.fail(new DeletionDisabled()) }))
)

/** Delays the directory's nodes until `begin` ends. */
const layerDelayedDirectory = (begin: Effect.Effect<void>) =>
  Layer.effect(
    NodeDirectory,
    Effect.map(NodeDirectory, (directory) => ({
      ...directory,
      nodes: Stream.unwrap(Effect.as(begin, directory.nodes))
    }))
  )

const layerNodeConnector = (settings: Settings) =>
  layerHttpNodeConnector({
    tokenFile: Option.getOrUndefined(settings.nodeTokenFile),
    ca: Option.getOrUndefined(settings.nodeCa),
    serverName: Option.getOrUndefined(settings.nodeServerName),
    // The user allows it with --node-scheme http, or with the URL in --node.
    insecureHttp: settings.nodeScheme === "http" || settings.node.length > 0
  }).pipe(
    Layer.catchTag("HttpNodeConnectorError", ({ message }) => Layer.effectContext(failSettings(message)))
  )

/** `koredump-server cluster`: serves the cores of all nodes of a cluster. */
export const cluster = Command.make(
  "cluster",
  flags,
  Effect.fnUntraced(function*(settings) {
    const kubeApi = yield* resolveKubeApi(settings)
    const mode = yield* resolveNetworkMode(settings, kubeApi, {
      audiences: ["koredump"],
      acceptApiServerAudience: true
    })
    const directory = yield* makeNodeDirectory(settings, kubeApi)
    return yield* launchServer(
      settings,
      { ...mode, mode: "cluster" },
      ({ begin, maxIndexBytes }) =>
        (settings.allowDelete ? Layer.empty : layerDeletionDisabled).pipe(
          Layer.provideMerge(layerClusterCoreSource({
            maxChanges: settings.maxChanges,
            maxCores: settings.maxCores,
            maxCoresPerNode: settings.maxCoresPerNode,
            maxIndexBytes
          })),
          Layer.provide([layerNodeConnector(settings), layerDelayedDirectory(begin).pipe(Layer.provide(directory))])
        )
    )
  })
).pipe(Command.withDescription("Serve the cores of all nodes of a cluster"))
