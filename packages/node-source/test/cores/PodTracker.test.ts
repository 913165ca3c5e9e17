import { assert, describe, it } from "@effect/vitest"
import { CoreSource, type CoreSummary, type PodCgroup, type PodResolver } from "@koredump/core"
import { Effect, Layer, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SystemdHost } from "../../src/SystemdHost.ts"
import { CoresDir, entryFields, layerFakeHost, storeFile, toCoreId } from "../support/FakeHost.ts"
import { listCores, toStates, waitForCores } from "../support/listCores.ts"
import { JournalScript, layerScripted } from "../support/ScriptedJournal.ts"
import { layerScriptedPods, PodScript } from "../support/ScriptedPods.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const content = new TextEncoder().encode("core")
const podUid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const makeCgroup = (digit: string): PodCgroup & { readonly containerId: string } => ({
  podUid,
  containerId: digit.repeat(64)
})
const first = makeCgroup("a")
const identity = {
  namespace: "shop",
  pod: "web-0",
  pod_uid: podUid,
  container: "app",
  container_id: first.containerId,
  image_name: "web:1",
  image_id: "sha256:1",
  workload: "StatefulSet/web"
}
const toPath = ({ containerId, podUid }: PodCgroup) => `/kubepods/burstable/pod${podUid}/${containerId}`
const makeCrash = (pid: number, pod: PodCgroup = first) =>
  entryFields({ pid, content, time: 1_700_000_000_000_000 + pid, fields: { COREDUMP_CGROUP: toPath(pod) } })

/** The namespaces of the cores, as one text. */
const toNamespaces = (cores: ReadonlyArray<CoreSummary>) => cores.map(({ namespace }) => namespace ?? "-").join()

/** A host with pods. Provides the script of the pods, too. */
const layerHost = (options: Parameters<typeof layerFakeHost>[0], pods: Layer.Layer<PodResolver | PodScript>) =>
  // Both share the same layer, and so the same script.
  Layer.merge(layerFakeHost({ ...options, pods }), pods)

describe("PodTracker", () => {
  it.live("resolves the pod of a core when its journal entry is read", () => {
    const pods = layerScriptedPods([[first, identity]])
    return Effect.gen(function*() {
      yield* (yield* JournalScript).write(makeCrash(1))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop")
      const [core] = yield* listCores
      assert.deepInclude(core, identity)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("shows the core before its pod is resolved, and if resolving fails", () => {
    const pods = layerScriptedPods(
      [[first, identity]],
      (identity, queries) =>
        queries === 0 ? Effect.never : queries === 1 ? Effect.die("broken") : Effect.succeed(identity)
    )
    return Effect.gen(function*() {
      const journal = yield* JournalScript
      yield* journal.write(makeCrash(1))
      yield* waitForCores((cores) => cores.length === 1)
      const [core] = yield* listCores
      assert.deepInclude(core, { pod_uid: podUid, container_id: first.containerId })
      assert.notProperty(core, "namespace")
      yield* journal.write(makeCrash(2))
      yield* journal.write(makeCrash(3))
      yield* waitForCores((cores) => toNamespaces(cores) === "-,-,shop")
      yield* PodScript.use((script) => script.sendUpdate(podUid))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop,shop,shop")
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("queries again after an update, but only for pods with an incomplete identity", () => {
    const pods = layerScriptedPods([[first, { namespace: "shop", pod: "web-0" }]])
    return Effect.gen(function*() {
      const journal = yield* JournalScript
      const script = yield* PodScript
      yield* journal.write(makeCrash(1))
      yield* journal.write(makeCrash(2, makeCgroup("b")))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop,-")
      yield* script.setIdentity(first, identity)
      yield* script.sendUpdate("another")
      yield* script.sendUpdate(podUid)
      yield* waitForCores(([core]) => core?.image_id !== undefined)
      const queries = yield* script.queries
      yield* script.setIdentity(makeCgroup("b"), { ...identity, container_id: "b".repeat(64) })
      yield* script.sendUpdate(podUid)
      yield* waitForCores((cores) => toNamespaces(cores) === "shop,shop")
      assert.strictEqual(yield* script.queries, queries + 1)
      yield* script.sendUpdate(podUid)
      yield* journal.write(makeCrash(3))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop,shop,shop")
      assert.strictEqual(yield* script.queries, queries + 2)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("keeps the first identity if a later answer contradicts it", () => {
    const pods = layerScriptedPods([[first, { namespace: "shop", pod: "web-0" }]])
    return Effect.gen(function*() {
      const journal = yield* JournalScript
      const script = yield* PodScript
      yield* journal.write(makeCrash(1))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop")
      yield* script.setIdentity(first, { ...identity, namespace: "bank" })
      yield* script.sendUpdate(podUid)
      yield* journal.write(makeCrash(2))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop,bank")
      const queries = yield* script.queries
      // Neither crash can be resolved further, so only the new one is queried.
      yield* script.sendUpdate(podUid)
      yield* journal.write(makeCrash(3))
      yield* waitForCores((cores) => toNamespaces(cores) === "shop,bank,bank")
      assert.strictEqual(yield* script.queries, queries + 1)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("loads the stored identity after a restart, without the pod and without the journal entry", () =>
    Effect.gen(function*() {
      const stateDir = yield* temporaryDirectory
      const coredumpDir = yield* temporaryDirectory
      const id = toCoreId({ pid: 1, time: 1_700_000_000_000_001 })
      const waitUntilSaved = Effect.sync(() => readdirSync(stateDir).some((name) => name.endsWith(".json"))).pipe(
        Effect.repeat({ until: (isSaved) => isSaved, schedule: Schedule.spaced("10 millis") })
      )
      const host = (pods: Layer.Layer<PodResolver>, journal = layerScripted()) =>
        layerFakeHost({ stateDir, coredumpDir, pods, journal })

      yield* Effect.gen(function*() {
        yield* storeFile(coredumpDir, id, content)
        yield* (yield* JournalScript).write(makeCrash(1))
        yield* waitForCores((cores) => toNamespaces(cores) === "shop")
        yield* waitUntilSaved
      }).pipe(Effect.provide(host(layerScriptedPods([[first, identity]]))))
      assert.deepStrictEqual(readdirSync(stateDir), [`${id}.json`])

      // The journal has lost the entry.
      yield* Effect.gen(function*() {
        const [core] = yield* listCores
        assert.deepInclude(core, { ...identity, state: "pending" })
        assert.notProperty(core, "COREDUMP_CGROUP")
      }).pipe(Effect.provide(host(layerScriptedPods())))

      // The resolver has another answer now.
      yield* Effect.gen(function*() {
        yield* (yield* JournalScript).write(makeCrash(1))
        yield* waitForCores((cores) => toStates(cores) === "present")
        const [core] = yield* listCores
        assert.deepInclude(core, identity)
      }).pipe(Effect.provide(host(layerScriptedPods([[first, { ...identity, namespace: "bank" }]]))))

      // The entry is from another container.
      yield* Effect.gen(function*() {
        yield* (yield* JournalScript).write(makeCrash(1, makeCgroup("b")))
        yield* waitForCores((cores) => toStates(cores) === "present")
        const [core] = yield* listCores
        assert.notProperty(core, "namespace")
        assert.strictEqual(core?.container_id, "b".repeat(64))
      }).pipe(Effect.provide(host(layerScriptedPods())))
    }))

  it.live("passes on the warnings of the resolver", () => {
    const pods = layerScriptedPods()
    return Effect.gen(function*() {
      const warnings = CoreSource.use((source) => Effect.map(source.nodes, ([node]) => node?.warnings))
      const host = yield* SystemdHost
      const { setWarnings } = yield* PodScript
      assert.isUndefined(yield* warnings)
      yield* setWarnings("a permission", "a file")
      assert.deepStrictEqual(yield* warnings, ["a permission", "a file"])
      assert.deepStrictEqual(yield* host.warnings, ["a permission", "a file"])
      yield* setWarnings()
      assert.isUndefined(yield* warnings)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("works without a usable state directory, and warns", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "file"), "")
      const pods = layerScriptedPods([[first, identity]])
      yield* Effect.gen(function*() {
        yield* (yield* JournalScript).write(makeCrash(1))
        yield* waitForCores((cores) => toNamespaces(cores) === "shop")
        const [node] = yield* CoreSource.use((source) => source.nodes)
        assert.match(node?.warnings?.join() ?? "", /^State directory .* not writable: not a directory\. /)
      }).pipe(Effect.provide(layerFakeHost({ stateDir: join(directory, "file"), pods })))
    }))
})

describe("the state directory", () => {
  it.effect("is swept while the source runs", () =>
    Effect.gen(function*() {
      const stateDir = yield* temporaryDirectory
      const unknown = `${toCoreId({ pid: 77 })}.json`
      const known = `${toCoreId({ pid: 1 })}.json`
      for (const name of [unknown, known]) writeFileSync(join(stateDir, name), "{}")
      yield* Effect.gen(function*() {
        const dir = yield* CoresDir
        yield* storeFile(dir, known.replace(".json", ".zst"), content)
        yield* waitForCores((cores) => cores.length === 1)
        // Files are removed in real time, but sweeps are due by the test clock.
        yield* TestClock.adjust("1 minute").pipe(
          Effect.andThen(Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))),
          Effect.repeat({ until: () => !readdirSync(stateDir).includes(unknown) })
        )
        assert.deepStrictEqual(readdirSync(stateDir), [known])
      }).pipe(Effect.provide(layerFakeHost({ stateDir })))
    }))
})

describe("the namespace filter", () => {
  const pods = layerScriptedPods([[first, identity], [makeCgroup("b"), { namespace: "bank" }]])

  it.live("shows only cores of matching namespaces, as soon as the namespace is known", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const journal = yield* JournalScript
      const script = yield* PodScript
      const dir = yield* CoresDir
      const events: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(source.changes({ filter: { state: "any" } }), (event) =>
          Effect.sync(() => {
            if (event.type !== "BOOKMARK") events.push(`${event.type} ${event.object.COREDUMP_PID}`)
          })),
        { startImmediately: true }
      )
      yield* journal.write(entryFields({ pid: 1, fields: { COREDUMP_CGROUP: "/system.slice/a.service" } }))
      yield* journal.write(makeCrash(2, makeCgroup("b")))
      yield* journal.write(makeCrash(3, makeCgroup("c")))
      yield* storeFile(dir, toCoreId({ pid: 4 }), content)
      yield* journal.write(makeCrash(5))
      yield* waitForCores((cores) => cores.length === 1)
      for (const pid of [1, 2, 3, 4]) {
        const failure = yield* Effect.flip(
          source.get({ node: "node-1", id: toCoreId({ pid, time: getCrashTime(pid) }) })
        )
        assert.strictEqual(failure._tag, "CoreNotFound")
      }
      yield* script.setIdentity(makeCgroup("c"), { ...identity, container_id: "c".repeat(64) })
      yield* script.sendUpdate(podUid)
      yield* waitForCores((cores) => cores.length === 2)
      assert.deepStrictEqual(events, ["ADDED 5", "ADDED 3"])
    }).pipe(Effect.provide(layerHost({ namespaceRegex: /^(?:shop)$/u }, pods))))

  it.live("keeps hidden cores up to the limit, and removes the oldest ones", () =>
    Effect.gen(function*() {
      const journal = yield* JournalScript
      const script = yield* PodScript
      for (let pid = 1; pid <= 30; pid++) yield* journal.write(makeCrash(pid, makeCgroup("c")))
      yield* journal.write(makeCrash(31))
      yield* waitForCores((cores) => cores.length === 1)
      yield* script.setIdentity(makeCgroup("c"), { namespace: "shop" })
      yield* script.sendUpdate(podUid)
      yield* waitForCores((cores) => cores.length === 10 && cores.some(({ COREDUMP_PID }) => COREDUMP_PID === 30))
      const pids = (yield* listCores).map(({ COREDUMP_PID }) => COREDUMP_PID)
      assert.deepStrictEqual(pids, [22, 23, 24, 25, 26, 27, 28, 29, 30, 31])
    }).pipe(Effect.provide(layerHost({ namespaceRegex: /^(?:shop)$/u, maxCores: 10 }, pods))))
})

/** The time of the crash with this PID. Crashes without a pod have the default time. */
function getCrashTime(pid: number): number {
  return pid === 1 || pid === 4 ? 1_700_000_000_000_000 : 1_700_000_000_000_000 + pid
}
