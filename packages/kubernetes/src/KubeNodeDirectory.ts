import { type NodeAddress, NodeDirectory } from "@koredump/core"
import { Effect, Layer, PubSub, Stream } from "effect"
import { isIP } from "node:net"
import { KubeConfigError } from "./api/KubeAccess.ts"
import { KubeApi } from "./api/KubeApi.ts"
import type { Pod } from "./pods/Pod.ts"
import { watchPods } from "./pods/watchPods.ts"

/** Selects the node agent pods, and how to reach them. */
export interface KubeNodeDirectoryOptions {
  /** Default: the namespace of this pod. Pods in other namespaces are ignored, whatever their labels are. */
  readonly namespace?: string | undefined
  /** Default: `koredump.daemonset=1`. */
  readonly labelSelector?: string | undefined
  readonly scheme: "http" | "https"
  readonly port: number
}

const defaultSelector = "koredump.daemonset=1"

const isReady = (pod: Pod) =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.conditions?.some(({ status, type }) => type === "Ready" && status === "True") === true

/** Whether `a` is preferred to `b` on the same node: ready and not terminating, then the newer one. */
const isPreferred = (a: Pod, b: Pod): boolean => {
  if (isReady(a) !== isReady(b)) return isReady(a)
  const [created, other] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""]
  return created === other ? a.metadata.uid > b.metadata.uid : created > other
}

const terminalPhases = new Set(["Succeeded", "Failed"])

/** The nodes of the node agent pods, sorted by name. Each node has one pod with an address, ready or not. */
export const toNodeAddresses = (
  pods: Iterable<Pod>,
  { port, scheme }: Pick<KubeNodeDirectoryOptions, "port" | "scheme">
): ReadonlyArray<NodeAddress> => {
  const chosen = new Map<string, { readonly pod: Pod; readonly host: string }>()
  for (const pod of pods) {
    const name = pod.spec.nodeName
    const { phase = "", podIP = "" } = pod.status ?? {}
    const family = isIP(podIP)
    if (name === undefined || name === "" || family === 0 || terminalPhases.has(phase)) continue
    const other = chosen.get(name)
    if (other === undefined || isPreferred(pod, other.pod)) {
      chosen.set(name, { pod, host: family === 6 ? `[${podIP}]` : podIP })
    }
  }
  return [...chosen]
    .map(([name, { host, pod }]) => ({
      name,
      address: `${scheme}://${host}:${port}`,
      incarnation: pod.metadata.uid
    }))
    .toSorted((a, b) => a.name < b.name ? -1 : 1)
}

const isSameList = (a: ReadonlyArray<NodeAddress>, b: ReadonlyArray<NodeAddress>): boolean =>
  a.length === b.length &&
  a.every((node, i) =>
    node.name === b[i]!.name && node.address === b[i]!.address && node.incarnation === b[i]!.incarnation
  )

/** A rollout changes many pods at the same time. This delay merges their changes. */
const mergeDelay = "20 millis"

const make = Effect.fnUntraced(function*(options: KubeNodeDirectoryOptions) {
  const api = yield* KubeApi
  const namespace = options.namespace ?? api.namespace
  if (namespace === undefined) {
    return yield* new KubeConfigError({
      message: "The namespace of the node agent pods is unknown. Pass it with --namespace."
    })
  }
  const pods = new Map<string, Pod>()
  // Signals changes only: a slow subscriber gets the latest list, not all lists before it.
  const changed = yield* PubSub.sliding<void>({ capacity: 1, replay: 1 })
  let degradedReason: string | undefined = "The Kubernetes API has not returned the node agent pods yet."

  const update = (change: () => void) => Effect.andThen(Effect.sync(change), PubSub.publish(changed, undefined))

  yield* watchPods({ namespace, labelSelector: options.labelSelector ?? defaultSelector }, {
    onList: (all) =>
      update(() => {
        pods.clear()
        for (const pod of all) pods.set(pod.metadata.uid, pod)
      }),
    onChange: (pod) => update(() => pods.set(pod.metadata.uid, pod)),
    onDelete: (pod) => update(() => pods.delete(pod.metadata.uid)),
    onStatus: (reason) =>
      Effect.sync(() => {
        degradedReason = reason
      })
  }).pipe(Effect.annotateLogs({ component: "nodes" }), Effect.forkScoped)

  return NodeDirectory.of({
    nodes: Stream.fromPubSub(changed).pipe(
      Stream.mapEffect(() => Effect.map(Effect.sleep(mergeDelay), () => toNodeAddresses(pods.values(), options))),
      Stream.changesWith(isSameList)
    ),
    degradedReason: Effect.sync(() => degradedReason)
  })
})

/**
 * Discovers nodes with a watch on the node agent pods in one namespace. Needs the permission to list and watch pods there.
 */
export const layerKubeNodeDirectory = (
  options: KubeNodeDirectoryOptions
): Layer.Layer<NodeDirectory, KubeConfigError, KubeApi> => Layer.effect(NodeDirectory, make(options))
