import { assert, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { HostCores } from "../../src/cores/HostCores.ts"
import { makePodTracker } from "../../src/cores/PodTracker.ts"
import { decodeEntry } from "../../src/journal/decodeEntry.ts"
import { entryFields } from "../support/FakeHost.ts"
import { rawEntry } from "../support/fixtures.ts"

const COREDUMP_CGROUP = `/kubepods/poddde1244b-5bb5-4297-b544-85f3bc0d80bf/${"a".repeat(64)}`

it.effect.each([["4900 millis", "shop"], ["5100 millis", undefined]] as const)(
  "a pod resolver has 5 seconds to answer: after %s the namespace is %s",
  ([delay, namespace]) =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const cores = new HostCores(index, {
        node: "node-1",
        maxCores: 10,
        isVisible: () => true,
        loadPod: () => undefined
      })
      cores.publish()
      const tracker = yield* makePodTracker({
        cores,
        resolver: {
          resolve: () => Effect.delay(Effect.succeed({ namespace: "shop" }), delay),
          updates: Effect.succeed(Stream.never),
          warnings: Effect.succeed([])
        },
        onResolved: () => {}
      })
      yield* Effect.forkChild(tracker.run)
      const host = { coredumpUid: undefined, machine: undefined }
      const entry = decodeEntry(rawEntry({ __CURSOR: "c", ...entryFields({ fields: { COREDUMP_CGROUP } }) }), host)!
      cores.putEntry(entry)
      tracker.onEntry(entry)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(Array.from(index, (core) => core.namespace), [namespace])
    })
)
