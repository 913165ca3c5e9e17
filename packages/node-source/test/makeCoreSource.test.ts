import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Deferred, Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { HostCores } from "../src/cores/HostCores.ts"
import { makeHostPaths } from "../src/host/HostPaths.ts"
import { Journal } from "../src/journal/Journal.ts"
import { makeCoreSource } from "../src/makeCoreSource.ts"
import { toCoreId } from "./support/FakeHost.ts"

const journal = Journal.of({
  query: () => Stream.empty,
  follow: () => Stream.never,
  read: () => Effect.die("not expected"),
  tailMarker: Effect.succeed(""),
  warnings: Effect.succeed([])
})

/** A source without cores that is not ready yet. */
const make = Effect.gen(function*() {
  const index = yield* CoreIndex.make()
  const ready = yield* Deferred.make<void>()
  const source = yield* makeCoreSource({
    paths: makeHostPaths({ root: "/nowhere" }),
    node: "node-1",
    index,
    cores: new HostCores(index, { node: "node-1", maxCores: 10, loadPod: () => undefined, isVisible: () => true }),
    allowDelete: true,
    ready,
    warnings: Effect.succeed(["Journal not readable: journalctl not found."])
  })
  return { ready, source }
}).pipe(Effect.provideService(Journal, journal), Effect.provide(NodeServices.layer))

describe("makeCoreSource", () => {
  it.effect("rejects requests until it is ready", () =>
    Effect.gen(function*() {
      const { ready, source } = yield* make
      const ref = { node: "node-1", id: toCoreId({}) }
      const problems = [
        yield* Effect.flip(source.list({})),
        yield* Effect.flip(source.get(ref)),
        yield* Effect.flip(Effect.scoped(source.open(ref))),
        yield* Effect.flip(source.remove(ref)),
        yield* Effect.flip(Stream.runDrain(source.changes()))
      ]
      for (const problem of problems) {
        assert.deepInclude(problem, {
          _tag: "NotReady",
          detail: "The server is starting: it is still reading the cores of this host."
        })
      }
      yield* Deferred.succeed(ready, undefined)
      assert.deepStrictEqual((yield* source.list({})).cores, [])
      assert.strictEqual((yield* Effect.flip(source.get(ref)))._tag, "CoreNotFound")
    }))

  it.effect("reports since when the node is ready, and its warnings", () =>
    Effect.gen(function*() {
      const { ready, source } = yield* make
      yield* TestClock.adjust("1 minute")
      const [syncing] = yield* source.nodes
      assert.deepInclude(syncing, { name: "node-1", state: "syncing", since: "1970-01-01T00:00:00Z" })
      yield* Deferred.succeed(ready, undefined)
      yield* TestClock.adjust("1 minute")
      const [node] = yield* source.nodes
      assert.deepInclude(node, {
        state: "ready",
        since: "1970-01-01T00:01:00Z",
        lastContact: "1970-01-01T00:02:00Z",
        warnings: ["Journal not readable: journalctl not found."]
      })
      assert.notProperty(node, "corePattern")
    }))
})
