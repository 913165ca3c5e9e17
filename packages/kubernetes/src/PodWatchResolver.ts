import { PodResolver } from "@koredump/core"
import { Clock, Duration, Effect, Layer, Metric, PubSub, Schedule, type Scope, Stream } from "effect"
import type { KubeApi } from "./api/KubeApi.ts"
import type { Pod } from "./pods/Pod.ts"
import { PodIndex } from "./pods/PodIndex.ts"
import { toPodInfo } from "./pods/podInfo.ts"
import { watchPods } from "./pods/watchPods.ts"

/** Settings of a pod resolver that watches pods. */
export interface PodWatchResolverOptions {
  /** The name of the Kubernetes node. */
  readonly nodeName: string
  /** How long a deleted pod is kept. Default: 1 hour. */
  readonly retention?: Duration.Input | undefined
}

const podsGauge = Metric.gauge("koredump_pods_known", {
  description: "Known pods of this node, including recently deleted ones"
})

const maxDeleted = 10_000
/** More pods than a node can have. */
const maxUpdates = 4096

/** A `fieldSelector` for the pods of a node. */
const toFieldSelector = (nodeName: string) => `spec.nodeName=${nodeName.replaceAll(/[\\,=]/g, "\\$&")}`

/**
 * Finds pod identities with a watch on the pods of one node. Needs the permission to list and watch pods. Answers from
 * memory: until the pods are listed, identities are empty.
 */
export const makePodWatchResolver = Effect.fnUntraced(function*(
  { retention = "1 hour", nodeName }: PodWatchResolverOptions
): Effect.fn.Return<PodResolver["Service"], never, KubeApi | Scope.Scope> {
  const index = new PodIndex({ retention: Duration.toMillis(retention), maxDeleted })
  const updates = yield* PubSub.sliding<string>(maxUpdates)
  let degradedReason: string | undefined

  const put = Effect.fnUntraced(function*(pod: Pod) {
    const info = toPodInfo(pod)
    if (index.put(info)) yield* PubSub.publish(updates, info.cgroupUid)
  })

  yield* watchPods({ fieldSelector: toFieldSelector(nodeName), cached: true }, {
    onList: Effect.fnUntraced(function*(pods) {
      for (const pod of pods) yield* put(pod)
      index.markDeletedExcept(new Set(pods.map(({ metadata }) => metadata.uid)), yield* Clock.currentTimeMillis)
    }),
    onChange: put,
    onDelete: Effect.fnUntraced(function*(pod) {
      yield* put(pod)
      index.markDeleted(pod.metadata.uid, yield* Clock.currentTimeMillis)
    }),
    onStatus: (reason) =>
      Effect.sync(() => {
        degradedReason = reason
      })
  }).pipe(Effect.annotateLogs({ component: "pods" }), Effect.forkScoped)

  yield* Clock.currentTimeMillis.pipe(
    Effect.tap((now) => {
      index.prune(now)
      return Metric.update(podsGauge, index.size)
    }),
    Effect.repeat(Schedule.spaced("1 minute")),
    Effect.forkScoped
  )

  return {
    resolve: (pod) => Effect.sync(() => index.resolve(pod)),
    updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
    warnings: Effect.sync(() =>
      degradedReason === undefined
        ? []
        : [`Pod watch failed, cores of new pods may have no pod identity: ${degradedReason}`]
    )
  }
})

/** A layer of {@link makePodWatchResolver}. */
export const layerPodWatchResolver = (options: PodWatchResolverOptions): Layer.Layer<PodResolver, never, KubeApi> =>
  Layer.effect(PodResolver, makePodWatchResolver(options))
