import { assert, describe, it } from "@effect/vitest"
import { FairQueue, QueueFull } from "@koredump/core"
import { Deferred, Effect, Fiber, Schema } from "effect"

/** Runs an effect per letter, each until `finish` is called. Returns the order in which they started. */
const makeRunner = (queue: FairQueue) => {
  const started: Array<string> = []
  const gates = new Map<string, Deferred.Deferred<void>>()
  return {
    started,
    start: (name: string, cost = 1) =>
      Effect.forkChild(
        queue.run(
          name[0]!,
          Effect.suspend(() => {
            started.push(name)
            const gate = Deferred.makeUnsafe<void>()
            gates.set(name, gate)
            return Deferred.await(gate)
          }),
          cost
        ),
        { startImmediately: true }
      ),
    finish: (name: string, fiber: Fiber.Fiber<unknown, unknown>) =>
      Effect.andThen(Deferred.succeed(gates.get(name)!, undefined), Fiber.await(fiber))
  }
}

describe("FairQueue", () => {
  it.effect("gives turns key by key", () =>
    Effect.gen(function*() {
      const queue = new FairQueue({ capacity: 1 })
      const { finish, start, started } = makeRunner(queue)
      const names = ["a1", "a2", "a3", "b1", "c1", "b2"]
      const fibers = new Map<string, Fiber.Fiber<unknown, unknown>>()
      for (const name of names) fibers.set(name, yield* start(name))
      assert.deepStrictEqual([queue.running, queue.waiting, queue.count("a")], [1, 5, 3])
      for (let i = 0; i < names.length; i++) yield* finish(started[i]!, fibers.get(started[i]!)!)
      assert.deepStrictEqual(started, ["a1", "b1", "c1", "a2", "b2", "a3"])
      assert.deepStrictEqual([queue.running, queue.waiting, queue.cost, queue.count("a")], [0, 0, 0, 0])
    }))

  it.effect("lets one key use only its part", () =>
    Effect.gen(function*() {
      const queue = new FairQueue({ capacity: 10, capacityPerKey: 6, maxRunningPerKey: 2 })
      const { finish, start, started } = makeRunner(queue)
      const a1 = yield* start("a1", 4)
      // Exceeds the key's cost.
      yield* start("a2", 4)
      yield* start("b1", 1)
      yield* start("b2", 1)
      // Exceeds the key's number.
      yield* start("b3", 1)
      assert.deepStrictEqual(started, ["a1", "b1", "b2"])
      yield* finish("a1", a1)
      assert.deepStrictEqual(started, ["a1", "b1", "b2", "a2"])
    }))

  it.effect("runs an effect that costs more than the capacity alone, and nothing overtakes it", () =>
    Effect.gen(function*() {
      const queue = new FairQueue({ capacity: 2 })
      const { finish, start, started } = makeRunner(queue)
      const a1 = yield* start("a1")
      const b1 = yield* start("b1", 5)
      const c1 = yield* start("c1")
      assert.deepStrictEqual(started, ["a1"])
      yield* finish("a1", a1)
      assert.deepStrictEqual(started, ["a1", "b1"])
      yield* finish("b1", b1)
      assert.deepStrictEqual(started, ["a1", "b1", "c1"])
      yield* finish("c1", c1)
    }))

  it.effect("rejects what cannot wait", () =>
    Effect.gen(function*() {
      const queue = new FairQueue({ capacity: 1, maxWaitingPerKey: 2, maxWaiting: 3 })
      const { start } = makeRunner(queue)
      for (const name of ["a1", "a2", "a3", "b1"]) yield* start(name)
      const run = (key: string) => Effect.flip(queue.run(key, Effect.void))
      assert.deepStrictEqual(yield* run("a"), new QueueFull({ reason: "key" }))
      assert.deepStrictEqual(yield* run("c"), new QueueFull({ reason: "all" }))
    }))

  it.effect("says whose fault it is, if nothing can wait", () =>
    Effect.gen(function*() {
      const queue = new FairQueue({ capacity: 2, capacityPerKey: 1, maxWaitingPerKey: 0 })
      const { start } = makeRunner(queue)
      yield* start("a1")
      assert.deepStrictEqual(yield* Effect.flip(queue.run("a", Effect.void)), new QueueFull({ reason: "key" }))
      yield* start("b1")
      assert.deepStrictEqual(yield* Effect.flip(queue.run("c", Effect.void)), new QueueFull({ reason: "all" }))
    }))

  it.effect("forgets interrupted waits, and lets others continue", () =>
    Effect.gen(function*() {
      const queue = new FairQueue({ capacity: 2 })
      const { start, started } = makeRunner(queue)
      yield* start("a1")
      const b1 = yield* start("b1", 2)
      yield* start("c1")
      yield* Fiber.interrupt(b1)
      assert.deepStrictEqual(started, ["a1", "c1"])
      assert.deepStrictEqual([queue.waiting, queue.count("b")], [0, 0])
    }))

  it.effect.prop(
    "never exceeds its limits, and serves everyone in the end",
    [Schema.Array(Schema.Struct({
      key: Schema.Literals(["a", "b", "c"]),
      cost: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))
    }))],
    ([requests]) =>
      Effect.gen(function*() {
        const queue = new FairQueue({ capacity: 6, capacityPerKey: 5, maxRunningPerKey: 2 })
        const running: Array<(typeof requests)[number]> = []
        const sum = (costs: typeof running) => costs.reduce((total, { cost }) => total + cost, 0)
        const work = (request: (typeof requests)[number]) =>
          Effect.gen(function*() {
            running.push(request)
            const same = running.filter(({ key }) => key === request.key)
            assert.isTrue(sum(running) <= 6 && sum(same) <= 5 && same.length <= 2)
            yield* Effect.yieldNow
            running.splice(running.indexOf(request), 1)
          })
        yield* Effect.forEach(requests, (request) => queue.run(request.key, work(request), request.cost), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([queue.cost, queue.running, queue.waiting], [0, 0, 0])
      })
  )
})
