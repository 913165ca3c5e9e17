/** A `PodResolver` that a test controls. */
import { type PodCgroup, type PodIdentity, PodResolver } from "@koredump/core"
import { Context, Effect, Layer, PubSub, Stream } from "effect"

export class PodScript extends Context.Service<PodScript, {
  /** Sets the identity of a container. Does not send an update. */
  readonly setIdentity: (pod: PodCgroup, identity: PodIdentity) => Effect.Effect<void>
  /** Sends an update for a pod UID. */
  readonly sendUpdate: (podUid: string) => Effect.Effect<void>
  readonly setWarnings: (...warnings: ReadonlyArray<string>) => Effect.Effect<void>
  /** Number of queries so far. */
  readonly queries: Effect.Effect<number>
}>()("test/PodScript") {}

const toKey = ({ containerId, podUid }: PodCgroup) => `${podUid}/${containerId}`

/** `answer` turns an identity into an answer, given the number of earlier queries. Default: answers immediately */
export const layerScriptedPods = (
  known: ReadonlyArray<readonly [PodCgroup, PodIdentity]> = [],
  answer: (identity: PodIdentity, queries: number) => Effect.Effect<PodIdentity> = Effect.succeed
): Layer.Layer<PodResolver | PodScript> =>
  Layer.effectContext(Effect.gen(function*() {
    const identities = new Map(known.map(([pod, identity]) => [toKey(pod), identity]))
    const updates = yield* PubSub.unbounded<string>()
    let queries = 0
    let warnings: ReadonlyArray<string> = []
    const resolver = PodResolver.of({
      resolve: (pod) => Effect.suspend(() => answer(identities.get(toKey(pod)) ?? {}, queries++)),
      updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
      warnings: Effect.sync(() => warnings)
    })
    const script = PodScript.of({
      setIdentity: (pod, identity) => Effect.sync(() => identities.set(toKey(pod), identity)),
      sendUpdate: (podUid) => PubSub.publish(updates, podUid),
      setWarnings: (...next) =>
        Effect.sync(() => {
          warnings = next
        }),
      queries: Effect.sync(() => queries)
    })
    return Context.make(PodResolver, resolver).pipe(Context.add(PodScript, script))
  }))
