/** `NodeDirectory` over Kubernetes: a watch on koredump's own node pods, in its own namespace alone. */
import { type NodeAddress, NodeDirectory } from "@koredump/core"
import { Effect, Layer, PubSub, Stream } from "effect"
import { isIP } from "node:net"
import { KubeConfigError } from "./KubeAccess.ts"
import { KubeApi } from "./KubeApi.ts"
import type { Pod } from "./Pod.ts"
import { followPods } from "./PodReflector.ts"

/** Which pods are node servers, and how they are reached. */
export interface KubeNodeDirectoryOptions {
  /** Without it the one that this program runs in. Pods elsewhere are never asked, whatever labels they have. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly scheme: "http" | "https"
  readonly port: number
}

const defaultSelector = "koredump.daemonset=1"

const isReady = (pod: Pod) =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.conditions?.some(({ status, type }) => type === "Ready" && status === "True") === true

/** Whether `a` rather than `b` speaks for their node: ready and not terminating, then the newer one. */
const precedes = (a: Pod, b: Pod): boolean => {
  if (isReady(a) !== isReady(b)) return isReady(a)
  const [created, other] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""]
  return created === other ? a.metadata.uid > b.metadata.uid : created > other
}

const ended = new Set(["Succeeded", "Failed"])

/** The nodes that these pods serve, by name: one pod for each, ready or not, once it has an address. */
export const nodesOfPods = (
  pods: Iterable<Pod>,
  { port, scheme }: Pick<KubeNodeDirectoryOptions, "port" | "scheme">
): ReadonlyArray<NodeAddress> => {
  const chosen = new Map<string, { readonly pod: Pod; readonly host: string }>()
  for (const pod of pods) {
    const name = pod.spec.nodeName
    const { phase = "", podIP = "" } = pod.status ?? {}
    const family = isIP(podIP)
    if (name === undefined || name === "" || family === 0 || ended.has(phase)) continue
    const other = chosen.get(name)
    if (other === undefined || precedes(pod, other.pod)) {
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

const same = (a: ReadonlyArray<NodeAddress>, b: ReadonlyArray<NodeAddress>): boolean =>
  a.length === b.length &&
  a.every((node, i) =>
    node.name === b[i]!.name && node.address === b[i]!.address && node.incarnation === b[i]!.incarnation
  )

/** A roll-out or a start changes many pods at once: they are told together. */
const settle = "20 millis"

const make = Effect.fnUntraced(function*(options: KubeNodeDirectoryOptions) {
  const api = yield* KubeApi
  const namespace = options.namespace ?? api.namespace
  if (namespace === undefined) {
    return yield* new KubeConfigError({
      message: "The namespace of koredump's node pods is not known: --namespace names it."
    })
  }
  const pods = new Map<string, Pod>()
  // Holds only that something changed: whoever is slow gets the newest state, not all those before.
  const changed = yield* PubSub.sliding<void>({ capacity: 1, replay: 1 })
  let lacking: string | undefined = "the API server has not yet told which nodes there are"

  const update = (change: () => void) => Effect.andThen(Effect.sync(change), PubSub.publish(changed, undefined))

  yield* followPods({ namespace, labelSelector: options.labelSelector ?? defaultSelector }, {
    listed: (all) =>
      update(() => {
        pods.clear()
        for (const pod of all) pods.set(pod.metadata.uid, pod)
      }),
    changed: (pod) => update(() => pods.set(pod.metadata.uid, pod)),
    deleted: (pod) => update(() => pods.delete(pod.metadata.uid)),
    lacking: (why) =>
      Effect.sync(() => {
        lacking = why
      })
  }).pipe(Effect.annotateLogs({ component: "nodes" }), Effect.forkScoped)

  return NodeDirectory.of({
    nodes: Stream.fromPubSub(changed).pipe(
      Stream.mapEffect(() => Effect.map(Effect.sleep(settle), () => nodesOfPods(pods.values(), options))),
      Stream.changesWith(same)
    ),
    degradedReason: Effect.sync(() => lacking)
  })
})

/** See the module's text. */
export const layerKubeNodeDirectory = (
  options: KubeNodeDirectoryOptions
): Layer.Layer<NodeDirectory, KubeConfigError, KubeApi> => Layer.effect(NodeDirectory, make(options))
