import { assert, describe, it } from "@effect/vitest"
import { chainPodResolvers, mergePodIdentities, type PodIdentity, type PodResolver } from "@koredump/core"
import { Effect, Logger, PubSub, Stream } from "effect"

const cgroup = { podUid: "7260904bbd08e72e4dff95d9fccd2ee8", containerId: "a".repeat(64) }

const knows = (
  identity: PodIdentity,
  updates: ReadonlyArray<string> = [],
  warnings: ReadonlyArray<string> = []
): PodResolver["Service"] => ({
  resolve: () => Effect.succeed(identity),
  updates: Effect.succeed(Stream.fromIterable(updates)),
  warnings: Effect.succeed(warnings)
})

describe("mergePodIdentities", () => {
  it.each<[string, ReadonlyArray<PodIdentity>, PodIdentity | undefined]>([
    ["nobody", [], {}],
    ["nobody knows", [{}, {}], {}],
    ["one knows", [{}, { namespace: "a", pod: "p" }], { namespace: "a", pod: "p" }],
    ["each knows a part", [{ namespace: "a", pod: "p" }, { pod: "p", container: "c" }], {
      namespace: "a",
      pod: "p",
      container: "c"
    }],
    ["the first one's image and UID", [{ pod_uid: "of the API", image_name: "web:1" }, {
      pod_uid: "of the cgroup",
      image_name: "docker.io/library/web:1",
      image_id: "sha256:1"
    }], { pod_uid: "of the API", image_name: "web:1", image_id: "sha256:1" }],
    ["two namespaces", [{ namespace: "a", pod: "p" }, { namespace: "b", pod: "p" }], undefined],
    ["two pods", [{ pod: "p" }, {}, { pod: "q" }], undefined],
    ["two containers", [{ pod: "p", container: "c" }, { pod: "p", container: "d" }], undefined]
  ])("%s", (_, identities, expected) => assert.deepStrictEqual(mergePodIdentities(identities), expected))
})

describe("chainPodResolvers", () => {
  it.effect("joins what its resolvers know", () =>
    Effect.gen(function*() {
      const chain = chainPodResolvers([knows({ namespace: "a" }, ["u1"]), knows({ namespace: "a", pod: "p" }, ["u2"])])
      assert.deepStrictEqual(yield* chain.resolve(cgroup), { namespace: "a", pod: "p" })
      assert.sameMembers([...yield* Stream.runCollect(yield* chain.updates)], ["u1", "u2"])
    }))

  it.effect("tells what came after it was asked for updates, before they are read", () =>
    Effect.gen(function*() {
      const told = yield* PubSub.unbounded<string>()
      const resolver: PodResolver["Service"] = {
        resolve: () => Effect.succeed({}),
        updates: Effect.map(PubSub.subscribe(told), Stream.fromSubscription),
        warnings: Effect.succeed([])
      }
      const updates = yield* chainPodResolvers([knows({}), chainPodResolvers([resolver])]).updates
      yield* PubSub.publish(told, "u1")
      assert.deepInclude(yield* Stream.runHead(updates), { value: "u1" })
    }))

  it.effect("lacks what each of its resolvers lacks", () =>
    Effect.gen(function*() {
      const chain = chainPodResolvers([knows({}, [], ["a right"]), knows({}), knows({}, [], ["a file", "a link"])])
      assert.deepStrictEqual(yield* chain.warnings, ["a right", "a file", "a link"])
    }))

  it.effect("believes none of two that contradict one another, and says so once for a pod", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const chain = chainPodResolvers([knows({ namespace: "a" }), knows({ namespace: "b" })])
      const ask = (podUid: string) =>
        chain.resolve({ podUid }).pipe(
          Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
        )
      assert.deepStrictEqual([yield* ask("u1"), yield* ask("u1"), yield* ask("u2")], [{}, {}, {}])
      assert.lengthOf(logged, 2)
    }))
})
