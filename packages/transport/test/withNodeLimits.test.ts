import { assert, describe, it } from "@effect/vitest"
import {
  type CoreEvent,
  type CoreFile,
  CoreNotFound,
  type CoreSource,
  CoreUnreadable,
  CurrentPrincipal,
  InternalError,
  NodeFailed,
  NodeTimeout,
  NotReady,
  type Problem,
  TooManyDownloads,
  Unauthorized
} from "@koredump/core"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ref, summary } from "../../../test-support/coreServer.ts"
import { makeNodeBreaker, type NodeConnectionLimits, withNodeLimits } from "../src/withNodeLimits.ts"

const empty = { cores: [], resourceVersion: "a-1", unreachable: [] }
const bookmark: CoreEvent = { type: "BOOKMARK", object: { resourceVersion: "a-1" } }

/** A node whose response is set by the test. */
const makeNode = (limits: NodeConnectionLimits = {}) =>
  Effect.gen(function*() {
    const node = {
      requests: 0,
      running: 0,
      open: 0,
      answer: Effect.succeed(empty) as Effect.Effect<typeof empty, Problem>,
      body: Stream.empty as Stream.Stream<Uint8Array, Problem>
    }
    const answer = Effect.suspend(() => {
      node.requests += 1
      node.running += 1
      return Effect.ensuring(node.answer, Effect.sync(() => node.running -= 1))
    })
    const bytes = () => Stream.suspend(() => node.body)
    const source: CoreSource["Service"] = {
      list: () => answer,
      get: () => Effect.as(answer, summary),
      open: (ref) =>
        Effect.acquireRelease(Effect.sync(() => node.open += 1), () => Effect.sync(() => node.open -= 1)).pipe(
          Effect.as<CoreFile>({
            ref,
            size: 1,
            compression: "none",
            lastModified: 0,
            etag: "\"a\"",
            bytes,
            decompressed: Stream.suspend(bytes),
            reader: () => Effect.succeed(() => Promise.resolve(0))
          })
        ),
      remove: () => Effect.asVoid(answer),
      changes: () => Stream.make(bookmark),
      nodes: Effect.as(answer, [])
    }
    return { node, source: withNodeLimits(source, yield* makeNodeBreaker, "node-1", "node-1 x", limits) }
  })

const broken = Effect.fail(new NodeFailed({ detail: "broken" }))

describe("circuit breaker", () => {
  it.effect.each<Problem>([
    new NodeFailed({}),
    new NodeTimeout({}),
    new NotReady({}),
    new InternalError({})
  ])("sends no requests after five failures with $_tag", (problem) =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = Effect.fail(problem)
      for (let i = 0; i < 7; i++) yield* Effect.flip(source.list({}))
      assert.strictEqual(node.requests, 5)
    }).pipe(Effect.scoped))

  it.effect("opens after five failures in a row, then lets one request through, and closes when it succeeds", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = broken
      for (let i = 0; i < 5; i++) yield* Effect.flip(i % 2 === 0 ? source.list({}) : source.remove(ref))
      const failure = yield* Effect.flip(source.get(ref))
      assert.include(failure, { _tag: "NodeFailed", node: "node-1" })
      assert.match(failure.message, /^Node node-1 failed several times in a row\. The next attempt is in [123] s\.$/)
      assert.strictEqual(node.requests, 5)

      yield* TestClock.adjust("1500 millis")
      yield* Effect.flip(source.list({}))
      assert.strictEqual(node.requests, 5)
      yield* TestClock.adjust("1500 millis")
      yield* Effect.flip(source.list({}))
      assert.strictEqual(node.requests, 6)
      yield* TestClock.adjust("3 seconds")
      yield* Effect.flip(source.list({}))
      assert.strictEqual(node.requests, 6)

      yield* TestClock.adjust("2 seconds")
      node.answer = Effect.succeed(empty)
      yield* source.list({})
      yield* source.nodes
      assert.strictEqual(node.requests, 8)
    }).pipe(Effect.scoped))

  it.effect("lets a request through every 36 seconds, however often the node failed", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = broken
      for (let i = 0; i < 5; i++) yield* Effect.flip(source.list({}))
      for (let i = 0; i < 20; i++) {
        const before = node.requests
        yield* TestClock.adjust("36 seconds")
        yield* Effect.flip(source.list({}))
        assert.strictEqual(node.requests, before + 1)
      }
    }).pipe(Effect.scoped))

  it.effect("closes as soon as a watch receives an event", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = broken
      for (let i = 0; i < 6; i++) yield* Effect.flip(source.list({}))
      assert.strictEqual(node.requests, 5)
      assert.deepStrictEqual(yield* Stream.runCollect(source.changes()), [bookmark])
      node.answer = Effect.succeed(empty)
      yield* source.list({})
      assert.strictEqual(node.requests, 6)
    }).pipe(Effect.scoped))

  it.effect("does not forget failures when a watch receives an event while it is closed", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = broken
      for (let i = 0; i < 4; i++) yield* Effect.flip(source.list({}))
      yield* Stream.runDrain(source.changes())
      for (let i = 0; i < 4; i++) yield* Effect.flip(source.list({}))
      assert.strictEqual(node.requests, 5)
    }).pipe(Effect.scoped))

  it.effect("counts defects", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = Effect.die(new Error("defect"))
      for (let i = 0; i < 7; i++) yield* Effect.exit(source.list({}))
      assert.strictEqual(node.requests, 5)
    }).pipe(Effect.scoped))

  it.effect("does not count problems of a core or of the request", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      for (
        const problem of [
          new CoreNotFound({ id: ref.id }),
          new CoreUnreadable({ id: ref.id }),
          new TooManyDownloads({}),
          new Unauthorized({})
        ]
      ) {
        node.answer = Effect.fail(problem)
        for (let i = 0; i < 10; i++) yield* Effect.flip(source.list({}))
      }
      assert.strictEqual(node.requests, 40)
    }).pipe(Effect.scoped))
})

describe("concurrency limits", () => {
  it.effect("lets requests wait for a slot, up to the queue timeout", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode({ maxRequests: 2 })
      node.answer = Effect.never
      const running = yield* Effect.forEach([1, 2], () => Effect.forkChild(source.list({})))
      const waiting = yield* Effect.forkChild(Effect.flip(source.get(ref)))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(node.running, 2)
      yield* TestClock.adjust("1 second")
      assert.include(yield* Fiber.join(waiting), { _tag: "NodeTimeout", node: "node-1" })

      const next = yield* Effect.forkChild(source.nodes)
      yield* TestClock.adjust("1 second")
      node.answer = Effect.succeed(empty)
      yield* Fiber.interrupt(running[0]!)
      yield* Fiber.join(next)
      assert.strictEqual(node.requests, 3)
      yield* Fiber.interrupt(running[1]!)
    }).pipe(Effect.scoped))

  it.effect("allows 8 requests and 8 downloads by default, of which one caller can have 4", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = Effect.never
      for (let i = 0; i < 9; i++) yield* Effect.forkScoped(source.list({}))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(node.running, 8)

      const other = yield* makeNode()
      let downloads = 0
      other.node.body = Stream.fromEffect(Effect.andThen(Effect.sync(() => downloads += 1), Effect.never))
      const file = yield* other.source.open(ref)
      const download = (username: string) =>
        Effect.provideService(Stream.runDrain(file.bytes()), CurrentPrincipal, { username, groups: [] })
      for (let i = 0; i < 5; i++) yield* Effect.forkScoped(download("ann"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(downloads, 4)
      for (const username of ["bob", "eve"]) {
        for (let i = 0; i < 3; i++) yield* Effect.forkScoped(download(username))
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(downloads, 8)
    }).pipe(Effect.scoped))

  it.effect("counts a decompressed download as four", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      let downloads = 0
      node.body = Stream.fromEffect(Effect.andThen(Effect.sync(() => downloads += 1), Effect.never))
      const file = yield* source.open(ref)
      yield* Effect.forkScoped(Stream.runDrain(file.decompressed))
      for (let i = 0; i < 2; i++) yield* Effect.forkScoped(Stream.runDrain(file.bytes()))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(downloads, 1)
    }).pipe(Effect.scoped))

  it.effect("gives waiting callers their turn one after the other", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode({ maxRequests: 1 })
      const started: Array<string> = []
      const list = (username: string) =>
        Effect.forkScoped(
          Effect.provideService(
            Effect.tap(source.list({}), () => Effect.sync(() => started.push(username))),
            CurrentPrincipal,
            {
              username,
              groups: []
            }
          ),
          { startImmediately: true }
        )
      node.answer = Effect.as(Effect.sleep("1 second"), empty)
      for (const username of ["ann", "ann", "ann", "bob"]) yield* list(username)
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(started, ["ann", "bob", "ann", "ann"])
    }).pipe(Effect.scoped))

  it.effect("counts a reader as a download as long as its scope is open", () =>
    Effect.gen(function*() {
      const { source } = yield* makeNode({ maxDownloads: 1 })
      const file = yield* source.open(ref)
      const scope = yield* Scope.make()
      yield* Scope.provide(file.reader!(), scope)
      const waiting = yield* Effect.forkScoped(Effect.flip(Stream.runDrain(file.bytes())))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "TooManyDownloads")
      yield* Scope.close(scope, Exit.void)
      yield* Stream.runDrain(file.bytes())
    }).pipe(Effect.scoped))

  it.effect("does not count a queue timeout as a failure of the node", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode({ maxRequests: 1, queueTimeout: "5 seconds" })
      node.answer = Effect.never
      const running = yield* Effect.forkChild(source.list({}))
      const waiting = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4, 5, 6], () => Effect.flip(source.get(ref)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("5 seconds")
      assert.lengthOf(yield* Fiber.join(waiting), 6)
      node.answer = Effect.succeed(empty)
      yield* Fiber.interrupt(running)
      yield* source.list({})
    }).pipe(Effect.scoped))

  it.effect("limits requests for metadata, which is large", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode()
      node.answer = Effect.never
      const running = yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4], () => source.get(ref), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(node.running, 2)
      node.answer = Effect.succeed(empty)
      assert.deepStrictEqual(yield* source.list({}), empty)
      yield* Fiber.interrupt(running)
    }).pipe(Effect.scoped))

  it.effect("limits downloads separately from requests and watches", () =>
    Effect.gen(function*() {
      const { node, source } = yield* makeNode({ maxRequests: 1, maxDownloads: 1, queueTimeout: "10 seconds" })
      node.body = Stream.never
      const scope = yield* Scope.make()
      const file = yield* Scope.provide(source.open(ref), scope)
      assert.strictEqual(node.open, 1)
      const running = yield* Effect.forkChild(Stream.runDrain(file.bytes()))
      const waiting = yield* Effect.forkChild(Effect.flip(Stream.runDrain(file.decompressed)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* source.list({}), empty)
      assert.deepStrictEqual(yield* Stream.runCollect(source.changes()), [bookmark])
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "TooManyDownloads")

      yield* Fiber.interrupt(running)
      node.body = Stream.make(new Uint8Array(3))
      assert.strictEqual((yield* Stream.runCollect(file.bytes({ start: 0, end: 3 })))[0]?.length, 3)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(node.open, 0)
    }).pipe(Effect.scoped))
})
