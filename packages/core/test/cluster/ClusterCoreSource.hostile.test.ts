import { assert, describe, it } from "@effect/vitest"
import {
  CoreNotFound,
  CoreSource,
  Forbidden,
  InvalidQuery,
  layerClusterCoreSource,
  NodeFailed,
  NodeStatus,
  type Problem,
  Unauthorized
} from "@koredump/core"
import { FakeNodes, layerFakeNodes } from "@koredump/core/testing"
import { Effect, Latch, Layer, Logger, References, Schema, Stream } from "effect"
import { layerIdle } from "../support/whenIdle.ts"
import {
  added,
  advance,
  bookmark,
  crash,
  failureTag,
  layerCluster,
  list,
  makeNode,
  nodeState,
  nodeStatus,
  pids,
  recordEvents,
  summary,
  unreachable,
  waiting
} from "./support.ts"

/** A node whose watch sends these events and stays open. */
const sending = (...events: ReadonlyArray<ReturnType<typeof added>>) =>
  makeNode(Stream.concat(Stream.fromIterable(events), Stream.never))

const addedInOwnNamespace = (pid: number) => added(pid, { namespace: `n${pid}` })

const forbidden = (action: string) => new Forbidden({ detail: `User "cluster" cannot ${action}.` })

const hiddenCores = (action: string) => [`Some cores of the node are hidden: ${forbidden(action).message}`]

/** A cluster of `node-1`, which works, and the node `bad`. */
const addBadNode = Effect.fnUntraced(function*(source: CoreSource["Service"]) {
  yield* crash("node-1", 1)
  yield* FakeNodes.use((nodes) => nodes.addSource("bad", source))
  yield* advance()
})

/** Records the log messages about nodes that are unreachable. */
const logUnreachable = (logged: Array<unknown>) =>
  Logger.make(({ fiber, message }) => {
    const { node, reason } = fiber.getRef(References.CurrentLogAnnotations)
    logged.push([...message as ReadonlyArray<unknown>, node, reason])
  })

describe("an untrusted node affects only its own cores", () => {
  it.effect("cores with the names of other nodes are listed under its own name", () =>
    Effect.gen(function*() {
      yield* addBadNode(sending(added(1, { title: "forged" }), added(2, { node: "node-7" }), bookmark("x")))
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

  it.effect("requests use the node name that it reports, and answers use the name in the cluster", () =>
    Effect.gen(function*() {
      const requested: Array<unknown> = []
      const core = summary(2, { node: "me", MESSAGE: "it crashed", namespace: "changed" })
      yield* addBadNode(makeNode(
        Stream.concat(Stream.make(added(2, { node: "me" }), bookmark("x")), Stream.never),
        {
          get: (ref) =>
            Effect.sync(() => {
              requested.push(ref)
              return core
            }),
          remove: (ref) => Effect.fail(new CoreNotFound(ref))
        }
      ))
      const source = yield* CoreSource
      const metadata = yield* source.get({ node: "bad", id: core.id })
      assert.deepStrictEqual(requested, [{ node: "me", id: core.id }])
      assert.strictEqual(metadata.node, "bad")
      assert.strictEqual(metadata["MESSAGE"], "it crashed")
      assert.strictEqual(
        metadata.resourceVersion,
        (yield* list).cores.find(({ id }) => id === core.id)?.resourceVersion
      )
      const problem = yield* Effect.flip(source.remove({ node: "bad", id: core.id }))
      assert.propertyVal(problem, "node", "bad")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("the last of two events for the same core counts", () =>
    Effect.gen(function*() {
      yield* addBadNode(
        sending(added(2, { title: "first" }), added(2, { title: "last", node: "other" }), bookmark("x"))
      )
      assert.deepStrictEqual((yield* list).cores.filter((core) => core.node === "bad").map(({ title }) => title), [
        "last"
      ])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("too many cores remove the oldest missing ones first, then the oldest, and never those of other nodes", () =>
    Effect.gen(function*() {
      yield* addBadNode(sending(
        added(2),
        added(3),
        added(4, { state: "missing" }),
        added(5),
        bookmark("x"),
        added(6)
      ))
      assert.deepStrictEqual(yield* pids, [1, 3, 5, 6])
      assert.strictEqual((yield* nodeStatus("bad"))?.cores, 3)
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 3 }))))

  it.effect("a replay of many times the limit causes events only for the cores that stay", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1000 }, (_, i) => added(i + 2))
      yield* crash("node-1", 1)
      yield* advance()
      const seen = yield* recordEvents
      yield* addBadNode(sending(...many, bookmark("x")))
      assert.deepStrictEqual(yield* pids, [1, ...Array.from({ length: 10 }, (_, i) => i + 992)])
      assert.strictEqual(seen.length, 10)
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 10 }))))

  it.effect("the size of all its summaries is limited", () =>
    Effect.gen(function*() {
      yield* addBadNode(
        sending(...[2, 3, 4].map((pid) => added(pid, { title: "x".repeat(4000) })), bookmark("x"), added(5))
      )
      assert.deepStrictEqual(yield* pids, [1, 4, 5])
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxBytesPerNode: 8500 }))))

  it.effect("its number of namespaces is limited, because each costs access reviews", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 1500 }, (_, i) => addedInOwnNamespace(i + 2))
      yield* addBadNode(sending(...many, bookmark("x"), addedInOwnNamespace(2000), addedInOwnNamespace(2001)))
      const namespaces = (yield* list).cores.flatMap(({ namespace }) => namespace ?? [])
      assert.isAtMost(new Set(namespaces).size, 1000)
      assert.isAtLeast(new Set(namespaces).size, 900)
      assert.includeMembers(namespaces, ["n1501", "n2000", "n2001"])
      assert.include(yield* pids, 1)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("summaries that are too large or malformed are dropped, and the others stay", () =>
    Effect.gen(function*() {
      let deep: unknown = 1
      for (let i = 0; i < 10_000; i++) deep = [deep]
      yield* addBadNode(sending(
        added(2, { title: "x".repeat(256 * 1024) }),
        added(3, { title: "ä".repeat(128 * 1024) }),
        added(4, { extra: deep }),
        added(5, { COREDUMP_TIMESTAMP: "yesterday" }),
        added(6, { title: "x".repeat(250 * 1024) }),
        added(7, { COREDUMP_TIMESTAMP: "2286-11-20T17:46:40Z" }),
        added(8, { namespace: "shop\n" }),
        bookmark("x")
      ))
      assert.deepStrictEqual(yield* pids, [1, 6])
      assert.match(
        (yield* nodeStatus("bad"))!.warnings![0]!,
        /^6 cores of the node are dropped: too large or malformed\.$/
      )
      assert.strictEqual(yield* nodeState("bad"), "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("sizes of core files without end leave the status of the nodes valid", () =>
    Effect.gen(function*() {
      const largest = { size: Number.MAX_SAFE_INTEGER }
      yield* addBadNode(sending(added(2, largest), added(3, largest), bookmark("x")))
      const nodes = yield* CoreSource.use((source) => source.nodes)
      yield* Schema.encodeEffect(Schema.Array(NodeStatus))(nodes)
      assert.strictEqual((yield* nodeStatus("bad"))?.bytes, Number.MAX_SAFE_INTEGER)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("heavy fields of a summary are removed", () =>
    Effect.gen(function*() {
      yield* addBadNode(sending(added(2, { COREDUMP_ENVIRON: "SECRET=1", COREDUMP_PROC_MAPS: "…" }), bookmark("x")))
      const core = (yield* list).cores.find((core) => core.node === "bad")!
      assert.notProperty(core, "COREDUMP_ENVIRON")
      assert.notProperty(core, "COREDUMP_PROC_MAPS")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("endless changes are slowed down, and changes of other nodes arrive", () =>
    Effect.gen(function*() {
      let sent = 0
      const flood = Stream.concat(
        Stream.make(bookmark("x")),
        Stream.forever(Stream.suspend(() => Stream.make(added(2 + ++sent))))
      )
      yield* addBadNode(makeNode(flood))
      yield* advance("10 seconds")
      assert.isAbove(sent, 100 + 10 * 10)
      assert.isBelow(sent, 100 + 20 * 10)
      yield* crash("node-1", 1, { title: "changed" })
      yield* advance()
      assert.strictEqual((yield* list).cores.find((core) => core.node === "node-1")?.title, "changed")
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 100, maxChangesPerSecond: 10 }))))

  it.effect.each(
    [
      ["after the replay", [bookmark("x")]],
      ["during the replay", []]
    ] as const
  )("the same event without end %s causes no changes and is slowed down", ([, first]) =>
    Effect.gen(function*() {
      let sent = 0
      const again = Stream.suspend(() => {
        sent += 100
        return Stream.fromIterable(Array.from({ length: 100 }, () => added(2)))
      })
      yield* addBadNode(makeNode(Stream.concat(Stream.fromIterable(first), Stream.forever(again))))
      yield* advance("10 seconds")
      assert.isAbove(sent, 16 * 100)
      assert.isBelow(sent, 16 * (100 + 20 * 10))
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCoresPerNode: 100, maxChangesPerSecond: 10 }))))

  it.effect("the number of all cores is limited, and the nodes report the cores that stay", () =>
    Effect.gen(function*() {
      yield* addBadNode(sending(added(2), added(3), bookmark("x"), added(4)))
      assert.deepStrictEqual(yield* pids, [3, 4])
      assert.strictEqual((yield* nodeStatus("node-1"))?.cores, 0)
      assert.strictEqual((yield* nodeStatus("bad"))?.cores, 2)
    }).pipe(Effect.provide(layerCluster(["node-1"], { maxCores: 2 }))))

  it.effect.each<readonly [string, CoreSource["Service"]]>([
    ["dies", makeNode(Stream.die(new Error("boom")))],
    ["ends", makeNode(Stream.empty)],
    ["never answers", makeNode(Stream.never)],
    [
      "throws",
      makeNode(Stream.empty, {
        changes: () => {
          throw new Error("boom")
        }
      })
    ],
    ["sends invalid events", sending({ type: "ADDED", object: null } as never)]
  ])("a node whose watch %s is unreachable and retried", ([, source]) =>
    Effect.gen(function*() {
      yield* addBadNode(source)
      yield* advance("16 seconds")
      assert.deepStrictEqual(yield* unreachable, ["bad"])
      assert.strictEqual(yield* nodeState("bad"), "unreachable")
      assert.deepStrictEqual(yield* pids, [1])
      yield* advance("10 minutes")
      assert.isAbove((yield* (yield* FakeNodes).requests).filter((request) => request === "bad changes").length, 20)
      assert.strictEqual(yield* nodeState("node-1"), "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node whose connection does not react to interruption is unreachable", () =>
    Effect.gen(function*() {
      const stuck = yield* Latch.make()
      yield* addBadNode(makeNode(Stream.fromEffectDrain(Effect.uninterruptible(stuck.await))))
      yield* advance("1 minute")
      assert.deepStrictEqual(yield* unreachable, ["bad"])
      assert.match((yield* nodeStatus("bad"))!.lastError!, /^The node sent nothing for 15 seconds\.$/)
      yield* stuck.open
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node whose watch ends right after the replay is retried more and more slowly", () =>
    Effect.gen(function*() {
      yield* addBadNode(makeNode(Stream.concat(Stream.make(bookmark("x".repeat(10_000))), Stream.empty)))
      yield* advance("1 minute")
      const { length } = (yield* (yield* FakeNodes).requests).filter((request) => request === "bad changes")
      assert.isBelow(length, 15)
      assert.isAbove(length, 5)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node with an endless replay delays readiness for 30 seconds at most", () =>
    Effect.gen(function*() {
      const endless = Stream.tick("10 millis").pipe(Stream.zipWithIndex, Stream.map(([, i]) => added(i)))
      yield* FakeNodes.use((nodes) => nodes.addSource("bad", makeNode(endless)))
      yield* advance("29 seconds")
      assert.strictEqual(yield* waiting, "1 of 2 nodes have not answered yet")
      yield* advance("2 seconds")
      assert.isUndefined(yield* waiting)
      assert.deepStrictEqual(yield* unreachable, ["bad"])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node that sends an event before each failure is logged once", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      yield* Effect.gen(function*() {
        yield* addBadNode(
          makeNode(Stream.concat(Stream.make(added(2)), Stream.fail(new NodeFailed({ detail: "broken" }))))
        )
        yield* advance("1 minute")
      }).pipe(
        Effect.provide(
          layerClusterCoreSource().pipe(
            Layer.provideMerge(layerFakeNodes(["node-1"])),
            Layer.provideMerge(layerIdle),
            Layer.provideMerge(Logger.layer([logUnreachable(logged)]))
          )
        )
      )
      assert.deepStrictEqual(logged, [["Node unreachable", "bad", "broken"]])
    }))

  it.effect("a node that rejects its own resource version sends a full replay", () =>
    Effect.gen(function*() {
      const versions: Array<string | undefined> = []
      const source = makeNode(Stream.empty, {
        changes: (options) => {
          versions.push(options?.since)
          return options?.since === undefined
            ? Stream.concat(Stream.make(added(2), bookmark("v2")), Stream.fail(new NodeFailed()))
            : Stream.fail(new InvalidQuery({ parameter: "resourceVersion" }))
        }
      })
      yield* addBadNode(source)
      yield* advance("3 seconds")
      assert.deepStrictEqual(versions.slice(0, 3), [undefined, "v2", undefined])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("its status is limited, requested every minute, and kept while requests fail", () =>
    Effect.gen(function*() {
      let answers = true
      let requests = 0
      const status = { name: "me", state: "ready", since: "1970-01-01T00:00:00Z", cores: 7, bytes: 7 } as const
      const source = makeNode(
        Stream.concat(Stream.make(bookmark("x")), Stream.tick("5 seconds").pipe(Stream.map(() => bookmark("x")))),
        {
          nodes: Effect.suspend(() => {
            requests += 1
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
      yield* addBadNode(source)
      yield* advance("2 seconds")
      answers = false
      yield* advance("150 seconds")
      assert.strictEqual(requests, 3)
      const reported = (yield* nodeStatus("bad"))!
      assert.strictEqual(reported.agentVersion, "1.2.3")
      assert.strictEqual(reported.corePattern, "|/usr/lib/systemd/systemd-coredump")
      assert.strictEqual(reported.warnings!.length, 21)
      assert.strictEqual(
        reported.warnings!.at(-1),
        "Requests to the node fail: The node did not answer within 5 seconds."
      )
      for (const text of reported.warnings!) assert.isAtMost(text.length, 1024)
      assert.deepStrictEqual([reported.name, reported.state, reported.cores], ["bad", "ready", 0])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node that hides cores is degraded, with the missing permission, until it shows them", () =>
    Effect.gen(function*() {
      const status = { name: "bad", state: "ready", since: "1970-01-01T00:00:00Z", cores: 7, bytes: 7 } as const
      let problem: Problem = forbidden("list nodecoredumps")
      let canWatch = false
      let canList = false
      const heartbeats = Stream.concat(
        Stream.make(bookmark("x")),
        Stream.tick("5 seconds").pipe(Stream.map(() => bookmark("x")))
      )
      const source = makeNode(heartbeats, {
        // Like `authorizeCoreSource`: hidden cores are omitted, but a named namespace is rejected.
        changes: (options) =>
          options?.filter?.namespace !== undefined && !canWatch
            ? Stream.fail(forbidden("watch coredumps"))
            : heartbeats,
        nodes: Effect.suspend(() => canList ? Effect.succeed([status]) : Effect.fail(problem))
      })
      yield* addBadNode(source)
      yield* advance("2 seconds")
      const warnings = Effect.map(nodeStatus("bad"), (status) => status?.warnings)
      assert.deepStrictEqual(yield* warnings, hiddenCores("list nodecoredumps"))
      problem = new Unauthorized({ detail: "The token is not valid." })
      yield* advance("1 minute")
      assert.match(
        (yield* warnings)![0]!,
        /^Requests to the node fail: The node rejected the cluster server's token: .*token/
      )
      canList = true
      yield* advance("1 minute")
      assert.deepStrictEqual(yield* warnings, hiddenCores("watch coredumps"))
      canWatch = true
      yield* advance("1 minute")
      assert.isUndefined(yield* warnings)
      assert.strictEqual((yield* nodeStatus("bad"))?.state, "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a core that it has deleted is not found", () =>
    Effect.gen(function*() {
      yield* addBadNode(sending(added(2), bookmark("x"), { type: "DELETED", object: summary(2) }))
      const source = yield* CoreSource
      assert.strictEqual(yield* failureTag(source.get({ node: "bad", id: summary(2).id })), "CoreNotFound")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))
})
