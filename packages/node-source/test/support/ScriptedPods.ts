/** A `PodResolver` whose answers a test gives. */
import { type PodCgroup, type PodIdentity, PodResolver } from "@koredump/core"
import { Context, Effect, Layer, PubSub, Stream } from "effect"

export class PodScript extends Context.Service<PodScript, {
  /** From now on this is known of the container. */
  readonly know: (pod: PodCgroup, identity: PodIdentity) => Effect.Effect<void>
  /** And this is said of it. */
  readonly tell: (podUid: string) => Effect.Effect<void>
  /** From now on it lacks this. */
  readonly lack: (...lacking: ReadonlyArray<string>) => Effect.Effect<void>
  /** How often it was asked. */
  readonly asked: Effect.Effect<number>
}>()("test/PodScript") {}

const keyOf = ({ containerId, podUid }: PodCgroup) => `${podUid}/${containerId}`

/** `answer`: how an answer comes about; at once unless said. */
export const layerScriptedPods = (
  known: ReadonlyArray<readonly [PodCgroup, PodIdentity]> = [],
  answer: (identity: PodIdentity, asked: number) => Effect.Effect<PodIdentity> = Effect.succeed
): Layer.Layer<PodResolver | PodScript> =>
  Layer.effectContext(Effect.gen(function*() {
    const identities = new Map(known.map(([pod, identity]) => [keyOf(pod), identity]))
    const updates = yield* PubSub.unbounded<string>()
    let asked = 0
    let lacking: ReadonlyArray<string> = []
    const resolver = PodResolver.of({
      resolve: (pod) => Effect.suspend(() => answer(identities.get(keyOf(pod)) ?? {}, asked++)),
      updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
      warnings: Effect.sync(() => lacking)
    })
    const script = PodScript.of({
      know: (pod, identity) => Effect.sync(() => identities.set(keyOf(pod), identity)),
      tell: (podUid) => PubSub.publish(updates, podUid),
      lack: (...now) =>
        Effect.sync(() => {
          lacking = now
        }),
      asked: Effect.sync(() => asked)
    })
    return Context.make(PodResolver, resolver).pipe(Context.add(PodScript, script))
  }))
