import { assert, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Effect, Schema, Stream } from "effect"
import { NodeCores } from "../../src/cluster/NodeCores.ts"
import { summary } from "./support.ts"

const Step = Schema.Struct({
  pid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 6 }))),
  uid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 2 }))),
  /** What happens: a core comes or changes, goes, or the watch breaks off, at once or within its beginning. */
  what: Schema.Literals(["puts", "puts", "removes", "breaks", "breaksEarly", "restarts"])
})

const facts = (index: CoreIndex) => index.list({ state: "any" }).cores.map((core) => [core.id, core.COREDUMP_UID])

// Whatever happens on a node and on the way to it: in the end the cluster has what the node has.
it.effect.prop(
  "is at one with the node after every BOOKMARK",
  [Schema.Array(Step)],
  ([steps]) =>
    Effect.gen(function*() {
      let node = yield* CoreIndex.make()
      const cluster = yield* CoreIndex.make()
      const part = new NodeCores(cluster, "node-1", {
        maxCores: 100,
        maxBytes: 1e6,
        maxCoreBytes: 1e5,
        maxNamespaces: 100
      })

      const read = Effect.fnUntraced(function*(most: number) {
        part.begin()
        const { since } = part
        const events = yield* node.changes({ filter: { state: "any" }, ...(since === undefined ? {} : { since }) })
          .pipe(
            Stream.take(most),
            Stream.takeUntil(({ object, type }) =>
              type === "BOOKMARK"
                ? object.resourceVersion === node.resourceVersion
                : object.resourceVersion === node.resourceVersion && since !== undefined
            ),
            Stream.runCollect,
            Effect.catchTag("ResourceVersionExpired", () => {
              part.expire()
              return Effect.succeed([])
            })
          )
        for (const event of events) {
          for (const change of part.changesBy(event)) part.apply(change)
          part.seen(event)
        }
        return part.since === node.resourceVersion
      })

      for (const { pid, uid, what } of steps) {
        if (what === "puts") node.put(summary(pid, { COREDUMP_UID: uid }))
        else if (what === "removes") node.remove(summary(pid))
        else if (what === "breaks") yield* read(100)
        else if (what === "breaksEarly") yield* read(2)
        else node = yield* CoreIndex.make()
      }
      while (!(yield* read(100))) { /* An expired version is told all again. */ }

      assert.deepStrictEqual(facts(cluster), facts(node))
      assert.strictEqual(part.count, node.size)
    })
)
