import { assert, describe, it } from "@effect/vitest"
import { chainPodResolvers, mergePodIdentities, type PodIdentity, type PodResolver } from "@koredump/core"
import { Effect, Logger, PubSub, Stream } from "effect"

const cgroup = { podUid: "7260904bbd08e72e4dff95d9fccd2ee8", containerId: "a".repeat(64) }

const makeResolver = (
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
    ["no resolver", [], {}],
    ["no identity", [{}, {}], {}],
    ["one identity", [{}, { namespace: "a", pod: "p" }], { namespace: "a", pod: "p" }],
    ["partial identities", [{ namespace: "a", pod: "p" }, { pod: "p", container: "c" }], {
      namespace: "a",
      pod: "p",
      container: "c"
    }],
    ["different images and UIDs: the first one", [{ pod_uid: "of the API", image_name: "web:1" }, {
      pod_uid: "of the cgroup",
      image_name: "docker.io/library/web:1",
      image_id: "sha256:1"
    }], { pod_uid: "of the API", image_name: "web:1", image_id: "sha256:1" }],
    ["conflicting namespaces", [{ namespace: "a", pod: "p" }, { namespace: "b", pod: "p" }], undefined],
    ["conflicting pods", [{ pod: "p" }, {}, { pod: "q" }], undefined],
    ["conflicting containers", [{ pod: "p", container: "c" }, { pod: "p", container: "d" }], undefined]
  ])("%s", (_, identities, expected) => assert.deepStrictEqual(mergePodIdentities(identities), expected))
})

describe("chainPodResolvers", () => {
  it.effect("merges the identities of its resolvers", () =>
    Effect.gen(function*() {
      const chain = chainPodResolvers([
        makeResolver({ namespace: "a" }, ["u1"]),
        makeResolver({ namespace: "a", pod: "p" }, ["u2"])
      ])
      assert.deepStrictEqual(yield* chain.resolve(cgroup), { namespace: "a", pod: "p" })
      assert.sameMembers([...yield* Stream.runCollect(yield* chain.updates)], ["u1", "u2"])
    }))

  it.effect("keeps updates between the subscription and the first read", () =>
    Effect.gen(function*() {
      const published = yield* PubSub.unbounded<string>()
      const resolver: PodResolver["Service"] = {
        resolve: () => Effect.succeed({}),
        updates: Effect.map(PubSub.subscribe(published), Stream.fromSubscription),
        warnings: Effect.succeed([])
      }
      const updates = yield* chainPodResolvers([makeResolver({}), chainPodResolvers([resolver])]).updates
      yield* PubSub.publish(published, "u1")
      assert.deepInclude(yield* Stream.runHead(updates), { value: "u1" })
    }))

  it.effect("collects the warnings of its resolvers", () =>
    Effect.gen(function*() {
      const chain = chainPodResolvers([
        makeResolver({}, [], ["no permission"]),
        makeResolver({}),
        makeResolver({}, [], ["no file", "no link"])
      ])
      assert.deepStrictEqual(yield* chain.warnings, ["no permission", "no file", "no link"])
    }))

  it.effect("returns no identity on conflict, and logs it once for each pod", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const chain = chainPodResolvers([makeResolver({ namespace: "a" }), makeResolver({ namespace: "b" })])
      const resolve = (podUid: string) =>
        chain.resolve({ podUid }).pipe(
          Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
        )
      assert.deepStrictEqual([yield* resolve("u1"), yield* resolve("u1"), yield* resolve("u2")], [{}, {}, {}])
      assert.deepStrictEqual(logged, [["Conflicting pod identity"], ["Conflicting pod identity"]])
    }))
})
