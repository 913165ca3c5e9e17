import { assert, describe, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Effect, Schema, Stream } from "effect"
import { NodeCores } from "../../src/cluster/NodeCores.ts"
import { added, bookmark, summary } from "./support.ts"

const now = Date.UTC(2026, 0)

const Step = Schema.Struct({
  pid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 6 }))),
  uid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 2 }))),
  /** A core is added or changed, or removed; the watch fails later, or during the replay; the node restarts. */
  action: Schema.Literals(["put", "put", "remove", "read", "readPart", "restart"])
})

const contents = (index: CoreIndex) => index.list({ state: "any" }).cores.map((core) => [core.id, core.COREDUMP_UID])

it.effect.prop(
  "has the cores of the node after every BOOKMARK, whatever happened before",
  [Schema.Array(Step)],
  ([steps]) =>
    Effect.gen(function*() {
      let node = yield* CoreIndex.make()
      const cluster = yield* CoreIndex.make()
      const cores = new NodeCores(cluster, "node-1", {
        maxCores: 100,
        maxBytes: 1e6,
        maxCoreBytes: 1e5,
        maxNamespaces: 100
      })

      const read = Effect.fnUntraced(function*(max: number) {
        cores.beginWatch()
        const { since } = cores
        const events = yield* node.changes({ filter: { state: "any" }, ...(since === undefined ? {} : { since }) })
          .pipe(
            Stream.take(max),
            Stream.takeUntil(({ object, type }) =>
              type === "BOOKMARK"
                ? object.resourceVersion === node.resourceVersion
                : object.resourceVersion === node.resourceVersion && since !== undefined
            ),
            Stream.runCollect,
            Effect.catchTag("ResourceVersionExpired", () => {
              cores.expireVersion()
              return Effect.succeed([])
            })
          )
        for (const event of events) {
          for (const change of cores.toChanges(event, now)) cores.applyChange(change)
          cores.onApplied(event)
        }
        return cores.since === node.resourceVersion
      })

      for (const { action, pid, uid } of steps) {
        if (action === "put") node.put(summary(pid, { COREDUMP_UID: uid }))
        else if (action === "remove") node.remove(summary(pid))
        else if (action === "read") yield* read(100)
        else if (action === "readPart") yield* read(2)
        else node = yield* CoreIndex.make()
      }
      while (!(yield* read(100))) { /* After an expired version comes a replay. */ }

      assert.deepStrictEqual(contents(cluster), contents(node))
      assert.strictEqual(cores.count, node.size)
    })
)

describe("a replay", () => {
  const limits = { maxCores: 10, maxBytes: 1e6, maxCoreBytes: 1e5, maxNamespaces: 10 }
  const startReplay = Effect.map(CoreIndex.make(), (index) => {
    const cores = new NodeCores(index, "node-1", limits)
    cores.beginWatch()
    return cores
  })
  const malformed = added(1, { COREDUMP_TIMESTAMP: "yesterday" })

  it.effect("above the limits causes changes only for the cores that stay", () =>
    Effect.gen(function*() {
      const cores = yield* startReplay
      for (let pid = 1; pid <= 15; pid++) assert.lengthOf(cores.toChanges(added(pid), now), 0)
      const changes = cores.toChanges(bookmark("x"), now)
      assert.deepStrictEqual(changes.map(({ core }) => core?.core.COREDUMP_PID), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    }))

  it.effect("omits cores that it deletes again", () =>
    Effect.gen(function*() {
      const cores = yield* startReplay
      cores.toChanges(added(1), now)
      cores.toChanges({ type: "DELETED", object: summary(1) }, now)
      assert.lengthOf(cores.toChanges(bookmark("x"), now), 0)
    }))

  it.effect("counts dropped cores from zero", () =>
    Effect.gen(function*() {
      const cores = yield* startReplay
      cores.toChanges(malformed, now)
      cores.onApplied(bookmark("x"))
      assert.strictEqual(cores.dropped, 1)
      cores.beginWatch()
      assert.strictEqual(cores.dropped, 1)
      cores.expireVersion()
      cores.beginWatch()
      assert.strictEqual(cores.dropped, 0)
    }))

  it.effect("is repeated if the resource version is too long to keep", () =>
    Effect.gen(function*() {
      const cores = yield* startReplay
      cores.onApplied(bookmark("x".repeat(256)))
      assert.strictEqual(cores.since?.length, 256)
      cores.onApplied(bookmark("x".repeat(257)))
      assert.isUndefined(cores.since)
    }))
})
