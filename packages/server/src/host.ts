/** The cores of a host, from the settings of the servers that serve them. */
import { chainPodResolvers, PodResolver } from "@koredump/core"
import { makePodWatchResolver } from "@koredump/kubernetes"
import {
  hostNameAt,
  hostPodResolvers,
  layerSystemdCoreSource,
  parseNamespaceRegex,
  type SystemdCoreSourceOptions
} from "@koredump/node-source"
import { Effect, Layer, Option, Result } from "effect"
import { duration } from "./launch.ts"
import type { KubeApiLayer } from "./network.ts"
import { environment } from "./settings.ts"
import { SettingsError } from "./SettingsError.ts"

/** The settings that all servers of one host have, as flags give them. */
export interface HostSettings {
  readonly root: string
  readonly coredumpDir: Option.Option<string>
  readonly nodeName: Option.Option<string>
  readonly maxCores: number
  readonly maxChanges: number
  readonly maxMissingAge: string
  readonly allowDelete: boolean
}

/** The name of the node: as set, as Kubernetes' downward API gives it (`NODE_NAME`), else the host's. */
export const nodeNameOf = ({ nodeName, root }: HostSettings): Effect.Effect<string> =>
  Effect.map(
    environment("NODE_NAME"),
    (named) => Option.getOrElse(Option.orElse(nodeName, () => named), () => hostNameAt(root))
  )

/** What servers on the network have in addition. */
export interface NodeSettings extends HostSettings {
  readonly stateDir: string
  readonly namespaceRegex: Option.Option<string>
}

const namespaceRegexOf = ({ namespaceRegex }: NodeSettings): Effect.Effect<RegExp | undefined, SettingsError> =>
  Result.match(parseNamespaceRegex(Option.getOrElse(namespaceRegex, () => "")), {
    onFailure: (why) => Effect.fail(new SettingsError({ message: `--namespace-regex: ${why}` })),
    onSuccess: Effect.succeed
  })

/** The source; its reading begins when `begin` ends. */
export const layerHostSource = (
  settings: HostSettings,
  options: Pick<SystemdCoreSourceOptions, "begin" | "namespaceRegex" | "nodeName" | "stateDir">
) =>
  Layer.unwrap(
    Effect.map(duration("max-missing-age", settings.maxMissingAge), (maxMissingAge) =>
      layerSystemdCoreSource({
        root: settings.root,
        ...Option.match(settings.coredumpDir, { onNone: () => ({}), onSome: (coredumpDir) => ({ coredumpDir }) }),
        allowDelete: settings.allowDelete,
        maxCores: settings.maxCores,
        maxChanges: settings.maxChanges,
        maxMissingAge,
        ...options
      }))
  )

/** Which pod a core is of: what Kubernetes says where it can be asked, and what the host itself knows. */
const layerPodResolver = (root: string, nodeName: string, kubeApi: Option.Option<KubeApiLayer>) => {
  const host = hostPodResolvers({ root })
  return Option.match(kubeApi, {
    onNone: () => Layer.effect(PodResolver, Effect.map(host, chainPodResolvers)),
    onSome: (kubeApi) =>
      Layer.effect(
        PodResolver,
        Effect.zipWith(makePodWatchResolver({ nodeName }), host, (watch, host) => chainPodResolvers([watch, ...host]))
      ).pipe(Layer.provide(kubeApi))
  })
}

/** The source of a node: its cores with the names of their pods. */
export const layerNodeSource = Effect.fnUntraced(function*(
  settings: NodeSettings,
  nodeName: string,
  kubeApi: Option.Option<KubeApiLayer>
) {
  const namespaceRegex = yield* namespaceRegexOf(settings)
  return (begin: Effect.Effect<void>) =>
    layerHostSource(settings, { nodeName, stateDir: settings.stateDir, namespaceRegex, begin }).pipe(
      Layer.provide(layerPodResolver(settings.root, nodeName, kubeApi))
    )
})
