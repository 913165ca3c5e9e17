import { assert, describe, it } from "@effect/vitest"
import {
  CoreNotFound,
  CoreSource,
  Forbidden,
  InvalidQuery,
  layerClusterCoreSource,
  NodeFailed,
  type Problem,
  Unauthorized
} from "@koredump/core"
import { FakeNodes, layerFakeNodes } from "@koredump/core/testing"
import { Effect, Latch, Layer, Logger, Stream } from "effect"
import {
  added,
  bookmark,
  crash,
  layerCluster,
  list,
  node,
  pass,
  pids,
  state,
  summary,
  tagOf,
  telling,
  unreachable,
  waiting,
  watching
} from "./support.ts"

const told = (...events: ReadonlyArray<ReturnType<typeof added>>) =>
  telling(Stream.concat(Stream.fromIterable(events), Stream.never))

const inOwnNamespace = (pid: number) => added(pid, { namespace: `n${pid}` })

const refused = (what: string) => new Forbidden({ detail: `User "cluster" may not ${what}.` })

const said = (what: string) => [`not all cores of the node are shown: ${refused(what).message}`]

/** `node-1` is well; beside it stands a node that is not. */
const beside = Effect.fnUntraced(function*(source: CoreSource["Service"]) {
  yield* crash("node-1", 1)
  yield* FakeNodes.use((nodes) => nodes.addSource("bad", source))
  yield* pass()
})

describe("a node that is not to be trusted changes only its own part", () => {
  it.effect("cores under the names of other nodes are its own", () =>
    Effect.gen(function*() {
      yield* beside(told(added(1, { title: "forged" }), added(2, { node: "node-7" }), bookmark("x")))
      const { cores, resourceVersion } = yield* list
      assert.deepStrictEqual(
        cores.map((core) => [core.node, core.COREDUMP_PID, core.title]),
        [
          ["node-1", 1, undefined],
          ["bad", 1, "forged"],
          ["bad", 2, undefined]
        ]
      )
      const epoch = resourceVersion.split("-")[0]
      for (const core of cores) assert.strictEqual(core.resourceVersion.split("-")[0], epoch)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("it is asked by the names that it has for itself, and its answers are the cluster's", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const mine = summary(2, { node: "me", MESSAGE: "it crashed", namespace: "told later" })
      yield* beside(telling(
        Stream.concat(Stream.make(added(2, { node: "me" }), bookmark("x")), Stream.never),
        {
          get: (ref) =>
            Effect.sync(() => {
              asked.push(ref)
              return mine
            }),
          remove: (ref) => Effect.fail(new CoreNotFound(ref))
        }
      ))
      const source = yield* CoreSource
      const metadata = yield* source.get({ node: "bad", id: mine.id })
      assert.deepStrictEqual(asked, [{ node: "me", id: mine.id }])
      assert.strictEqual(metadata.node, "bad")
      assert.strictEqual(metadata["MESSAGE"], "it crashed")
      assert.strictEqual(
        metadata.resourceVersion,
        (yield* list).cores.find(({ id }) => id === mine.id)?.resourceVersion
      )
      const problem = yield* Effect.flip(source.remove({ node: "bad", id: mine.id }))
      assert.propertyVal(problem, "node", "bad")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("of the same core told twice the last is held", () =>
    Effect.gen(function*() {
      yield* beside(told(added(2, { title: "first" }), added(2, { title: "last", node: "other" }), bookmark("x")))
      assert.deepStrictEqual((yield* list).cores.filter((core) => core.node === "bad").map(({ title }) => title), [
        "last"
      ])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("of too many cores the oldest that are missing go first, then the oldest; never another node's", () =>
    Effect.gen(function*() {
      yield* beside(told(
        added(2),
        added(3),
        added(4, { state: "missing" }),
        added(5),
        bookmark("x"),
        added(6)
      ))
      assert.deepStrictEqual(yield* pids, [1, 3, 5, 6])
      assert.strictEqual((yield* node("bad"))?.cores, 3)
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 3 }))))

  it.effect("many times the bound, told at once, are no storm", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1000 }, (_, i) => added(i + 2))
      yield* crash("node-1", 1)
      yield* pass()
      const seen = yield* watching
      yield* beside(told(...many, bookmark("x")))
      assert.deepStrictEqual(yield* pids, [1, ...Array.from({ length: 10 }, (_, i) => i + 992)])
      assert.strictEqual(seen.length, 10)
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 10 }))))

  it.effect("the bytes of all its summaries are bounded", () =>
    Effect.gen(function*() {
      yield* beside(told(...[2, 3, 4].map((pid) => added(pid, { title: "x".repeat(4000) })), bookmark("x"), added(5)))
      assert.deepStrictEqual(yield* pids, [1, 4, 5])
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxBytesPerNode: 8500 }))))

  it.effect("it has no more namespaces than a node can have pods of: each costs others a question", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1500 }, (_, i) => inOwnNamespace(i + 2))
      yield* beside(told(...many, bookmark("x"), inOwnNamespace(2000), inOwnNamespace(2001)))
      const namespaces = (yield* list).cores.flatMap(({ namespace }) => namespace ?? [])
      assert.isAtMost(new Set(namespaces).size, 1000)
      assert.isAtLeast(new Set(namespaces).size, 900)
      assert.includeMembers(namespaces, ["n1501", "n2000", "n2001"])
      assert.include(yield* pids, 1)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a summary that is too large or malformed is dropped, and the others stay", () =>
    Effect.gen(function*() {
      let deep: unknown = 1
      for (let i = 0; i < 10_000; i++) deep = [deep]
      yield* beside(told(
        added(2, { title: "x".repeat(256 * 1024) }),
        added(3, { title: "ä".repeat(128 * 1024) }),
        added(4, { extra: deep }),
        added(5, { COREDUMP_TIMESTAMP: "yesterday" }),
        added(6, { title: "x".repeat(250 * 1024) }),
        bookmark("x")
      ))
      assert.deepStrictEqual(yield* pids, [1, 6])
      assert.match((yield* node("bad"))!.warnings![0]!, /^4 cores are not shown/)
      assert.strictEqual(yield* state("bad"), "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("heavy fields in a summary are not shown", () =>
    Effect.gen(function*() {
      yield* beside(told(added(2, { COREDUMP_ENVIRON: "SECRET=1", COREDUMP_PROC_MAPS: "…" }), bookmark("x")))
      const core = (yield* list).cores.find((core) => core.node === "bad")!
      assert.notProperty(core, "COREDUMP_ENVIRON")
      assert.notProperty(core, "COREDUMP_PROC_MAPS")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("changes without end are slowed down, and the other nodes' come through", () =>
    Effect.gen(function*() {
      let told = 0
      const flood = Stream.concat(
        Stream.make(bookmark("x")),
        Stream.forever(Stream.suspend(() => Stream.make(added(2 + ++told))))
      )
      yield* beside(telling(flood))
      yield* pass("10 seconds")
      assert.isAbove(told, 100 + 10 * 10)
      assert.isBelow(told, 100 + 20 * 10)
      yield* crash("node-1", 1, { title: "changed" })
      yield* pass()
      assert.strictEqual((yield* list).cores.find((core) => core.node === "node-1")?.title, "changed")
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 100, maxChangesPerSecond: 10 }))))

  it.effect.each(
    [
      ["the same over and over", [bookmark("x")]],
      ["the same over and over before it is whole", []]
    ] as const
  )("%s is no change, and slowed down all the same", ([, first]) =>
    Effect.gen(function*() {
      let told = 0
      const again = Stream.suspend(() => {
        told += 100
        return Stream.fromIterable(Array.from({ length: 100 }, () => added(2)))
      })
      yield* beside(telling(Stream.concat(Stream.fromIterable(first), Stream.forever(again))))
      yield* pass("10 seconds")
      assert.isAbove(told, 16 * 100)
      assert.isBelow(told, 16 * (100 + 20 * 10))
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 100, maxChangesPerSecond: 10 }))))

  it.effect("all nodes together are bounded, and each knows what it has left", () =>
    Effect.gen(function*() {
      yield* beside(told(added(2), added(3), bookmark("x"), added(4)))
      assert.deepStrictEqual(yield* pids, [3, 4])
      assert.strictEqual((yield* node("node-1"))?.cores, 0)
      assert.strictEqual((yield* node("bad"))?.cores, 2)
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCores: 2 }))))

  it.effect.each<readonly [string, CoreSource["Service"]]>([
    ["dies", telling(Stream.die(new Error("boom")))],
    ["ends", telling(Stream.empty)],
    ["never answers", telling(Stream.never)],
    [
      "throws",
      telling(Stream.empty, {
        changes: () => {
          throw new Error("boom")
        }
      })
    ],
    ["tells no events", told({ type: "ADDED", object: null } as never)]
  ])("one that %s is unreachable, and tried again", ([, source]) =>
    Effect.gen(function*() {
      yield* beside(source)
      yield* pass("16 seconds")
      assert.deepStrictEqual(yield* unreachable, ["bad"])
      assert.strictEqual(yield* state("bad"), "unreachable")
      assert.deepStrictEqual(yield* pids, [1])
      yield* pass("10 minutes")
      assert.isAbove((yield* (yield* FakeNodes).asked).filter((what) => what === "bad changes").length, 20)
      assert.strictEqual(yield* state("node-1"), "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one whose source cannot even be interrupted is unreachable, too", () =>
    Effect.gen(function*() {
      const stuck = yield* Latch.make()
      yield* beside(telling(Stream.fromEffectDrain(Effect.uninterruptible(stuck.await))))
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* unreachable, ["bad"])
      assert.match((yield* node("bad"))!.lastError!, /silent/)
      yield* stuck.open
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one whose watch breaks off as soon as it is whole is left alone longer and longer", () =>
    Effect.gen(function*() {
      yield* beside(telling(Stream.concat(Stream.make(bookmark("x".repeat(10_000))), Stream.empty)))
      yield* pass("1 minute")
      const { length } = (yield* (yield* FakeNodes).asked).filter((what) => what === "bad changes")
      assert.isBelow(length, 15)
      assert.isAbove(length, 5)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that tells without an end is not waited for for ever", () =>
    Effect.gen(function*() {
      const endless = Stream.tick("10 millis").pipe(Stream.zipWithIndex, Stream.map(([, i]) => added(i)))
      yield* FakeNodes.use((nodes) => nodes.addSource("bad", telling(endless)))
      yield* pass("29 seconds")
      assert.strictEqual(yield* waiting, "1 of 2 nodes have not answered yet")
      yield* pass("2 seconds")
      assert.isUndefined(yield* waiting)
      assert.deepStrictEqual(yield* unreachable, ["bad"])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that tells something before it fails, each time, is logged once", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      yield* Effect.gen(function*() {
        yield* beside(telling(Stream.concat(Stream.make(added(2)), Stream.fail(new NodeFailed({ detail: "broken" })))))
        yield* pass("1 minute")
      }).pipe(
        Effect.provide(
          layerClusterCoreSource().pipe(
            Layer.provideMerge(layerFakeNodes(["node-1"])),
            Layer.provideMerge(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
          )
        )
      )
      assert.deepStrictEqual(logged, [["A node is unreachable", "broken"]])
    }))

  it.effect("one that does not understand its own version is told to begin anew", () =>
    Effect.gen(function*() {
      const asked: Array<string | undefined> = []
      const source = telling(Stream.empty, {
        changes: (options) => {
          asked.push(options?.since)
          return options?.since === undefined
            ? Stream.concat(Stream.make(added(2), bookmark("v2")), Stream.fail(new NodeFailed()))
            : Stream.fail(new InvalidQuery({ parameter: "resourceVersion" }))
        }
      })
      yield* beside(source)
      yield* pass("3 seconds")
      assert.deepStrictEqual(asked.slice(0, 3), [undefined, "v2", undefined])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("what it says of itself is bounded, kept while it does not answer, and asked for every minute", () =>
    Effect.gen(function*() {
      let answers = true
      let asked = 0
      const status = { name: "me", state: "ready", since: "1970-01-01T00:00:00Z", cores: 7, bytes: 7 } as const
      const source = telling(
        Stream.concat(Stream.make(bookmark("x")), Stream.tick("5 seconds").pipe(Stream.map(() => bookmark("x")))),
        {
          nodes: Effect.suspend(() => {
            asked += 1
            return answers
              ? Effect.succeed([{
                ...status,
                warnings: Array.from({ length: 100 }, () => "w\n".repeat(10_000)),
                corePattern: "|/usr/lib/systemd/systemd-coredump",
                agentVersion: "1.2.3"
              }])
              : Effect.never
          })
        }
      )
      yield* beside(source)
      yield* pass("2 seconds")
      answers = false
      yield* pass("150 seconds")
      assert.strictEqual(asked, 3)
      const told = (yield* node("bad"))!
      assert.strictEqual(told.agentVersion, "1.2.3")
      assert.strictEqual(told.corePattern, "|/usr/lib/systemd/systemd-coredump")
      assert.strictEqual(told.warnings!.length, 21)
      assert.strictEqual(told.warnings!.at(-1), "requests to the node fail: There was no answer within 5 seconds.")
      for (const text of told.warnings!) assert.isAtMost(text.length, 1024)
      assert.deepStrictEqual([told.name, told.state, told.cores], ["bad", "ready", 0])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that does not show all says which right is lacking, until it does", () =>
    Effect.gen(function*() {
      const status = { name: "bad", state: "ready", since: "1970-01-01T00:00:00Z", cores: 7, bytes: 7 } as const
      let refusal: Problem = refused("list nodecoredumps")
      let mayWatch = false
      let mayList = false
      const heartbeats = Stream.concat(
        Stream.make(bookmark("x")),
        Stream.tick("5 seconds").pipe(Stream.map(() => bookmark("x")))
      )
      const source = telling(heartbeats, {
        // As `authorizeCoreSource` does: what may not be seen is left out, a namespace that is named is refused.
        changes: (options) =>
          options?.filter?.namespace !== undefined && !mayWatch
            ? Stream.fail(refused("watch coredumps"))
            : heartbeats,
        nodes: Effect.suspend(() => mayList ? Effect.succeed([status]) : Effect.fail(refusal))
      })
      yield* beside(source)
      yield* pass("2 seconds")
      const warnings = Effect.map(node("bad"), (told) => told?.warnings)
      assert.deepStrictEqual(yield* warnings, said("list nodecoredumps"))
      refusal = new Unauthorized({ detail: "The token is not valid." })
      yield* pass("1 minute")
      assert.match(
        (yield* warnings)![0]!,
        /^requests to the node fail: The node refuses the cluster's own access: .*token/
      )
      mayList = true
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* warnings, said("watch coredumps"))
      mayWatch = true
      yield* pass("1 minute")
      assert.isUndefined(yield* warnings)
      assert.strictEqual((yield* node("bad"))?.state, "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a core that it does not have any more is not found there", () =>
    Effect.gen(function*() {
      yield* beside(told(added(2), bookmark("x"), { type: "DELETED", object: summary(2) }))
      const source = yield* CoreSource
      assert.strictEqual(yield* tagOf(source.get({ node: "bad", id: summary(2).id })), "CoreNotFound")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))
})
