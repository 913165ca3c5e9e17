/** The source of a host's cores, built from the settings of the servers of one host. */
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
import { parseDurationFlag } from "../settings/duration.ts"
import { readEnvironment } from "../settings/flags.ts"
import { failSettings, type SettingsError } from "../settings/SettingsError.ts"
import type { SourceStart } from "./launchServer.ts"
import type { KubeApiLayer } from "./networkMode.ts"

/** The values of `hostFlags`. */
interface HostSettings {
  readonly root: string
  readonly coredumpDir: Option.Option<string>
  readonly nodeName: Option.Option<string>
  readonly maxCores: number
  readonly maxChanges: number
  readonly maxMissingAge: string
  readonly allowDelete: boolean
}

/** The name of the node: `--node-name`, else `NODE_NAME` (from the Kubernetes downward API), else the host name. */
export const resolveNodeName = ({ nodeName, root }: HostSettings): Effect.Effect<string> =>
  Effect.map(
    readEnvironment("NODE_NAME"),
    (name) => Option.getOrElse(Option.orElse(nodeName, () => name), () => hostNameAt(root))
  )

/** The values of `hostFlags` and `nodeFlags`. */
interface NodeSettings extends HostSettings {
  readonly stateDir: string
  readonly namespaceRegex: Option.Option<string>
}

const parseNamespaceRegexFlag = ({ namespaceRegex }: NodeSettings): Effect.Effect<RegExp | undefined, SettingsError> =>
  Result.match(parseNamespaceRegex(Option.getOrElse(namespaceRegex, () => "")), {
    onFailure: (reason) => failSettings(`--namespace-regex: ${reason}`),
    onSuccess: Effect.succeed
  })

/** The source of a host's cores. It starts to read them when `begin` ends. */
export const layerHostSource = (
  settings: HostSettings,
  options: SourceStart & Pick<SystemdCoreSourceOptions, "namespaceRegex" | "nodeName" | "stateDir">
) =>
  Layer.unwrap(
    Effect.map(parseDurationFlag("max-missing-age", settings.maxMissingAge), (maxMissingAge) =>
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

/** Finds the pod of a core with the Kubernetes API, if there is one, and with files of the host. */
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

/** Makes the source of a node agent: the host's cores with their pod identities. */
export const makeNodeSource = Effect.fnUntraced(function*(
  settings: NodeSettings,
  nodeName: string,
  kubeApi: Option.Option<KubeApiLayer>
) {
  const namespaceRegex = yield* parseNamespaceRegexFlag(settings)
  return (start: SourceStart) =>
    layerHostSource(settings, { nodeName, stateDir: settings.stateDir, namespaceRegex, ...start }).pipe(
      Layer.provide(layerPodResolver(settings.root, nodeName, kubeApi))
    )
})
