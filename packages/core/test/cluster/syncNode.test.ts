import { assert, describe, it } from "@effect/vitest"
import {
  CoreSource,
  heartbeatInterval,
  heartbeatTimeout,
  layerClusterCoreSource,
  layerStaticNodeDirectory,
  NodeConnector,
  NodeDirectory,
  NodeFailed,
  ResourceVersionExpired
} from "@koredump/core"
import { FakeNodes, layerFakeNodes } from "@koredump/core/testing"
import { Cause, Clock, Duration, Effect, Fiber, Layer, Logger, References, Stream } from "effect"
import { isStable } from "../../src/cluster/syncNode.ts"
import { layerIdle } from "../support/whenIdle.ts"
import { added, advance, bookmark, layerCluster, makeNode, nodeState, nodeStatus, summary } from "./support.ts"

const addNode = (source: CoreSource["Service"]) => FakeNodes.use((nodes) => nodes.addSource("node-1", source))

const millis = Duration.toMillis

const withHeartbeatsEvery = (interval: number) =>
  makeNode(Stream.concat(
    Stream.make(bookmark("x")),
    Stream.tick(interval).pipe(Stream.drop(1), Stream.map(() => bookmark("x")))
  ))

/** A node with heartbeats whose n-th watch fails after as many milliseconds. Records when watches start. */
const failingAfter = (lasting: ReadonlyArray<number>, starts: Array<number>) =>
  makeNode(Stream.empty, {
    changes: (options) =>
      // Other watches check whether the node hides cores.
      options?.filter?.state === undefined ? Stream.make(bookmark("x")) : Stream.unwrap(
        Effect.map(Clock.currentTimeMillis, (now) => {
          starts.push(now)
          return withHeartbeatsEvery(millis(heartbeatInterval)).changes().pipe(
            Stream.interruptWhen(
              Effect.andThen(Effect.sleep(lasting[starts.length - 1]!), Effect.fail(new NodeFailed()))
            )
          )
        })
      )
  })

/** The delays between the failure of a watch and the next watch. */
const delays = (starts: ReadonlyArray<number>, lasting: ReadonlyArray<number>) =>
  starts.slice(1).map((start, i) => start - starts[i]! - lasting[i]!)

describe("isStable", () => {
  it.each(
    [
      ["ready", 10_000, true],
      ["ready", 9999, false],
      ["syncing", 60_000, false],
      ["unreachable", 60_000, false]
    ] as const
  )("%s for %d ms: %s", (state, lasted, expected) => {
    assert.strictEqual(isStable(state, lasted), expected)
  })
})

describe("reconnects", () => {
  it.effect("half a second after each failure of a stable connection", () =>
    Effect.gen(function*() {
      const starts: Array<number> = []
      const lasting = Array.from({ length: 100 }, () => 10_000)
      yield* addNode(failingAfter(lasting, starts))
      yield* advance("5 minutes")
      assert.isAbove(starts.length, 27)
      for (const delay of delays(starts, lasting)) assert.strictEqual(delay, 500)
    }).pipe(Effect.provide(layerCluster())))

  it.effect("more and more slowly while connections are not stable, up to every 10 seconds", () =>
    Effect.gen(function*() {
      const starts: Array<number> = []
      const lasting = Array.from({ length: 100 }, () => 9_000)
      yield* addNode(failingAfter(lasting, starts))
      yield* advance("10 minutes")
      const waits = delays(starts, lasting)
      assert.isBelow(waits[0]!, 700)
      for (const wait of waits.slice(6)) {
        assert.isAtLeast(wait, 8_000)
        assert.isAtMost(wait, 12_000)
      }
    }).pipe(Effect.provide(layerCluster())))

  it.effect("fast again after a stable connection", () =>
    Effect.gen(function*() {
      const starts: Array<number> = []
      const lasting = Array.from({ length: 100 }, (_, i) => i === 7 ? 20_000 : 100)
      yield* addNode(failingAfter(lasting, starts))
      yield* advance("2 minutes")
      const waits = delays(starts, lasting)
      assert.isAtLeast(waits[6]!, 8_000)
      assert.strictEqual(waits[7], 500)
      assert.isBelow(waits[8]!, 700)
    }).pipe(Effect.provide(layerCluster())))
})

describe("heartbeats", () => {
  it("time out after three missed ones", () => {
    assert.deepStrictEqual([millis(heartbeatInterval), millis(heartbeatTimeout)], [5_000, 15_000])
  })

  it.effect("keep the node ready if they are a little late", () =>
    Effect.gen(function*() {
      yield* addNode(withHeartbeatsEvery(millis(heartbeatTimeout) - 1_000))
      yield* advance("10 minutes")
      const status = yield* nodeStatus("node-1")
      assert.deepStrictEqual([status?.state, status?.since], ["ready", "2026-01-01T00:00:00Z"])
    }).pipe(Effect.provide(layerCluster())))

  it.effect("leave the node unreachable if they are later than the timeout", () =>
    Effect.gen(function*() {
      yield* addNode(withHeartbeatsEvery(millis(heartbeatTimeout) + 1_500))
      yield* advance("14 seconds")
      assert.strictEqual(yield* nodeState("node-1"), "ready")
      yield* advance("1100 millis")
      assert.strictEqual(yield* nodeState("node-1"), "unreachable")
    }).pipe(Effect.provide(layerCluster())))
})

const count = (names: ReadonlyArray<string>, wanted: string) => names.filter((name) => name === wanted).length

const makeNodeAt = (address: string) =>
  makeNode(Stream.concat(Stream.make(added(1), bookmark("x")), Stream.never), {
    get: () => Effect.succeed(summary(1, { MESSAGE: address }))
  })

describe("a connection", () => {
  it.effect("does not time out while the server limits the rate of changes", () =>
    Effect.gen(function*() {
      const changes = Stream.fromIterable(Array.from({ length: 30 }, (_, i) => added(i)))
      yield* addNode(makeNode(Stream.concat(Stream.make(bookmark("x")), Stream.concat(changes, Stream.never))))
      for (let second = 0; second < 40; second++) {
        yield* advance("1 second")
        assert.strictEqual(yield* nodeState("node-1"), "ready")
      }
    }).pipe(Effect.provide(layerCluster(undefined, { maxCoresPerNode: 10, maxChangesPerSecond: 0.5 }))))

  it.effect("leaves the node syncing while it replays after an expired version", () =>
    Effect.gen(function*() {
      const wait = Stream.fromEffectDrain(Effect.sleep("3 seconds"))
      let watches = 0
      yield* addNode(makeNode(Stream.empty, {
        changes: (options) => {
          if (options?.filter?.state === undefined) return Stream.make(bookmark("x"))
          watches += 1
          return watches === 1
            ? Stream.make(bookmark("x")).pipe(
              Stream.concat(wait),
              Stream.concat(Stream.fail(new ResourceVersionExpired()))
            )
            : wait.pipe(Stream.concat(Stream.make(bookmark("y"))), Stream.concat(Stream.never))
        }
      }))
      const states: Array<unknown> = []
      for (let i = 0; i < 3; i++) {
        yield* advance("2 seconds")
        states.push(yield* nodeState("node-1"))
      }
      assert.deepStrictEqual([watches, ...states], [2, "ready", "syncing", "ready"])
    }).pipe(Effect.provide(layerCluster())))

  it.effect("to an earlier address is not used for requests", () =>
    Effect.gen(function*() {
      const connector = NodeConnector.of({
        connect: ({ address }) => Effect.as(Effect.sleep(address === "new" ? "500 millis" : 0), makeNodeAt(address))
      })
      const nodes = Stream.make([{ name: "node-1", address: "old" }]).pipe(
        Stream.concat(Stream.fromEffectDrain(Effect.sleep("1 second"))),
        Stream.concat(Stream.make([{ name: "node-1", address: "new" }])),
        Stream.concat(Stream.never)
      )
      yield* Effect.gen(function*() {
        yield* advance("1100 millis")
        const get = CoreSource.use((source) => source.get({ node: "node-1", id: summary(1).id }))
        const request = yield* Effect.forkChild(get, { startImmediately: true })
        yield* advance("1 second")
        assert.strictEqual((yield* Fiber.join(request))["MESSAGE"], "new")
      }).pipe(Effect.provide(
        layerClusterCoreSource().pipe(
          Layer.provide(Layer.succeed(NodeConnector, connector)),
          Layer.provide(Layer.succeed(NodeDirectory, { nodes, degradedReason: Effect.undefined })),
          Layer.provideMerge(layerIdle)
        )
      ))
    }))

  it.effect("is kept when a watch fails, and closed when it cannot be established", () =>
    Effect.gen(function*() {
      const opened: Array<string> = []
      const closed: Array<string> = []
      const connector = NodeConnector.of({
        connect: ({ name }) =>
          Effect.acquireRelease(
            Effect.sync(() => opened.push(name)),
            () => Effect.sync(() => closed.push(name))
          ).pipe(
            Effect.andThen(
              name === "bad"
                ? Effect.fail(new NodeFailed())
                : Effect.succeed(makeNode(Stream.concat(Stream.make(bookmark("x")), Stream.fail(new NodeFailed()))))
            )
          )
      })
      yield* advance("1 minute").pipe(
        Effect.andThen(Effect.sync(() => {
          assert.deepStrictEqual([count(opened, "good"), count(closed, "good")], [1, 0])
          assert.isAbove(count(opened, "bad"), 5)
          assert.strictEqual(count(closed, "bad"), count(opened, "bad"))
        })),
        Effect.provide(
          layerClusterCoreSource().pipe(
            Layer.provide(Layer.succeed(NodeConnector, connector)),
            Layer.provide(layerStaticNodeDirectory(["good", "bad"].map((name) => ({ name, address: name })))),
            Layer.provideMerge(layerIdle),
            Layer.merge(Layer.succeed(References.MinimumLogLevel, "None"))
          )
        )
      )
      assert.strictEqual(count(closed, "good"), 1)
    }))
})

interface Logged {
  readonly level: string
  readonly message: unknown
  readonly annotations: Readonly<Record<string, unknown>>
  readonly cause: string
}

/** Runs the effect on a cluster without nodes, and returns its log. */
const logsOf = <A, E>(effect: Effect.Effect<A, E, FakeNodes | Layer.Success<typeof layerIdle>>) => {
  const logged: Array<Logged> = []
  const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
    logged.push({
      level: logLevel,
      message: (message as ReadonlyArray<unknown>)[0],
      annotations: fiber.getRef(References.CurrentLogAnnotations),
      cause: Cause.pretty(cause)
    })
  })
  return Effect.as(effect, logged).pipe(
    Effect.provide(
      layerClusterCoreSource().pipe(
        Layer.provideMerge(layerFakeNodes()),
        Layer.provideMerge(layerIdle),
        Layer.provideMerge(Logger.layer([logger]))
      )
    )
  )
}

describe("the log", () => {
  it.effect("has one message when a node fails, and one when it recovers", () =>
    Effect.gen(function*() {
      const logged = yield* logsOf(Effect.gen(function*() {
        const nodes = yield* FakeNodes
        yield* nodes.add("node-1")
        for (let i = 0; i < 2; i++) {
          yield* nodes.fail("node-1", new NodeFailed({ detail: "Gone." }))
          yield* advance("1 minute")
          yield* nodes.heal("node-1")
          yield* advance("1 minute")
        }
      }))
      const once = [
        { level: "Warn", message: "Node unreachable", annotations: { node: "node-1", reason: "Gone." }, cause: "" },
        { level: "Info", message: "Node reachable again", annotations: { node: "node-1" }, cause: "" }
      ]
      assert.deepStrictEqual(logged, [...once, ...once])
    }))

  it.effect("has no further message if the reason changes while the node is unreachable", () =>
    Effect.gen(function*() {
      const logged = yield* logsOf(Effect.gen(function*() {
        const nodes = yield* FakeNodes
        yield* nodes.add("node-1")
        for (const detail of ["Gone.", "Broken.", "Gone."]) {
          yield* nodes.fail("node-1", new NodeFailed({ detail }))
          yield* advance("1 minute")
        }
      }))
      assert.deepStrictEqual(logged.map(({ annotations }) => annotations["reason"]), ["Gone."])
    }))

  it.effect("has the cause of an internal error", () =>
    Effect.gen(function*() {
      const logged = yield* logsOf(Effect.gen(function*() {
        yield* addNode(makeNode(Stream.die(new Error("boom"))))
        yield* advance("1 minute")
      }))
      assert.lengthOf(logged, 1)
      assert.strictEqual(logged[0]!.annotations["reason"], "Internal error in the connection to the node, see the log.")
      assert.include(logged[0]!.cause, "boom")
    }))

  it.effect("counts dropped cores once", () =>
    Effect.gen(function*() {
      const malformed = added(1, { COREDUMP_TIMESTAMP: "yesterday" })
      const logged = yield* logsOf(Effect.gen(function*() {
        yield* addNode(makeNode(Stream.concat(
          Stream.concat(Stream.make(malformed), Stream.make(malformed, bookmark("x"))),
          Stream.concat(
            Stream.fromEffectDrain(Effect.sleep("1 second")),
            Stream.concat(Stream.make(malformed, bookmark("y")), Stream.never)
          )
        )))
        yield* advance("10 seconds")
      }))
      assert.deepStrictEqual(logged.map(({ annotations, message }) => [message, annotations]), [
        ["Node cores dropped: too large or malformed", { node: "node-1", count: 2 }]
      ])
    }))

  it.effect("names the nodes that do not sync in time", () =>
    Effect.gen(function*() {
      const logged = yield* logsOf(Effect.gen(function*() {
        yield* addNode(makeNode(Stream.tick("1 second").pipe(Stream.map(() => added(1)))))
        yield* advance("31 seconds")
      }))
      assert.deepStrictEqual(logged.map(({ annotations, message }) => [message, annotations]), [
        ["Nodes not synced in time", { count: 1, nodes: "node-1" }]
      ])
    }))

  it.effect("has one message when a node becomes degraded", () =>
    Effect.gen(function*() {
      const heartbeats = withHeartbeatsEvery(millis(heartbeatInterval)).changes()
      const logged = yield* logsOf(Effect.gen(function*() {
        yield* addNode(makeNode(heartbeats, { nodes: Effect.fail(new NodeFailed({ detail: "Broken." })) }))
        yield* advance("5 minutes")
      }))
      assert.deepStrictEqual(logged.map(({ annotations, message }) => [message, annotations]), [
        ["Node degraded", { node: "node-1", reason: "Requests to the node fail: Broken." }]
      ])
    }))
})
