/** `PodResolver` over Kubernetes: a watch on the pods of one node. Needs no other right than to read pods. */
import { PodResolver } from "@koredump/core"
import { Clock, Duration, Effect, Layer, Metric, PubSub, Schedule, type Scope, Stream } from "effect"
import type { KubeApi } from "./KubeApi.ts"
import type { Pod } from "./Pod.ts"
import { factsOfPod } from "./podFacts.ts"
import { PodMemory } from "./PodMemory.ts"
import { followPods } from "./PodReflector.ts"

export interface PodWatchResolverOptions {
  /** The Kubernetes node's name. */
  readonly nodeName: string
  /** How long a deleted pod is remembered; an hour unless said. */
  readonly keepFor?: Duration.Input | undefined
}

const podsGauge = Metric.gauge("koredump_pods_known", {
  description: "Pods of this node that are known, recently deleted ones included"
})

const maxDeleted = 10_000
/** More pods than a node can have. */
const maxUpdates = 4096

/** See the module's text. What is known is answered at once, from memory; before the first list that is nothing. */
export const makePodWatchResolver = Effect.fnUntraced(function*(
  { keepFor = "1 hour", nodeName }: PodWatchResolverOptions
): Effect.fn.Return<PodResolver["Service"], never, KubeApi | Scope.Scope> {
  const memory = new PodMemory({ keepMillis: Duration.toMillis(keepFor), maxDeleted })
  const updates = yield* PubSub.sliding<string>(maxUpdates)
  let lacking: ReadonlyArray<string> = []

  const learn = Effect.fnUntraced(function*(pod: Pod) {
    const facts = factsOfPod(pod)
    if (memory.learn(facts)) yield* PubSub.publish(updates, facts.cgroupUid)
  })

  yield* followPods({ fieldSelector: `spec.nodeName=${nodeName.replaceAll(/[\\,=]/g, "\\$&")}`, cached: true }, {
    listed: Effect.fnUntraced(function*(pods) {
      for (const pod of pods) yield* learn(pod)
      memory.buriedExcept(new Set(pods.map(({ metadata }) => metadata.uid)), yield* Clock.currentTimeMillis)
    }),
    changed: learn,
    deleted: Effect.fnUntraced(function*(pod) {
      yield* learn(pod)
      memory.buried(pod.metadata.uid, yield* Clock.currentTimeMillis)
    }),
    lacking: (why) =>
      Effect.sync(() => {
        lacking = why === undefined
          ? []
          : [`pods are not followed at the moment, cores of new ones may lack their names: ${why}`]
      })
  }).pipe(Effect.annotateLogs({ component: "pods" }), Effect.forkScoped)

  yield* Clock.currentTimeMillis.pipe(
    Effect.tap((now) => {
      memory.forget(now)
      return Metric.update(podsGauge, memory.size)
    }),
    Effect.repeat(Schedule.spaced("1 minute")),
    Effect.forkScoped
  )

  return {
    resolve: (pod) => Effect.sync(() => memory.resolve(pod)),
    updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
    warnings: Effect.sync(() => lacking)
  }
})

/** See the module's text. */
export const layerPodWatchResolver = (options: PodWatchResolverOptions): Layer.Layer<PodResolver, never, KubeApi> =>
  Layer.effect(PodResolver, makePodWatchResolver(options))
