import { assert, describe, it } from "@effect/vitest"
import { CoreSource, type CoreSummary, type PodCgroup, type PodResolver } from "@koredump/core"
import { Effect, Layer, Schedule, Stream } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SystemdHost } from "../../src/SystemdHost.ts"
import { CoresDir, entryFields, idOf, layerFakeHost, store } from "../support/FakeHost.ts"
import { JournalScript, layerScripted } from "../support/ScriptedJournal.ts"
import { layerScriptedPods, PodScript } from "../support/ScriptedPods.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"
import { listed, states, until } from "../support/watching.ts"

const content = new TextEncoder().encode("core")
const podUid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const cgroupOf = (digit: string): PodCgroup & { readonly containerId: string } => ({
  podUid,
  containerId: digit.repeat(64)
})
const first = cgroupOf("a")
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
const path = ({ containerId, podUid }: PodCgroup) => `/kubepods/burstable/pod${podUid}/${containerId}`
const crash = (pid: number, pod: PodCgroup = first) =>
  entryFields({ pid, content, time: 1_700_000_000_000_000 + pid, fields: { COREDUMP_CGROUP: path(pod) } })

const namespaces = (cores: ReadonlyArray<CoreSummary>) => cores.map(({ namespace }) => namespace ?? "-").join()

/** A host with pods; the test sees their script too. */
const layerHost = (options: Parameters<typeof layerFakeHost>[0], pods: Layer.Layer<PodResolver | PodScript>) =>
  // One and the same for both.
  Layer.merge(layerFakeHost({ ...options, pods }), pods)

describe("trackPods", () => {
  it.live("gives a core its pod when its entry comes", () => {
    const pods = layerScriptedPods([[first, identity]])
    return Effect.gen(function*() {
      yield* (yield* JournalScript).write(crash(1))
      yield* until((cores) => namespaces(cores) === "shop")
      const [core] = yield* listed
      assert.deepInclude(core, identity)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("shows the core though the answer is late or never comes", () => {
    const pods = layerScriptedPods(
      [[first, identity]],
      (found, asked) => asked === 0 ? Effect.never : asked === 1 ? Effect.die("broken") : Effect.succeed(found)
    )
    return Effect.gen(function*() {
      const journal = yield* JournalScript
      yield* journal.write(crash(1))
      yield* until((cores) => cores.length === 1)
      const [core] = yield* listed
      assert.deepInclude(core, { pod_uid: podUid, container_id: first.containerId })
      assert.notProperty(core, "namespace")
      yield* journal.write(crash(2))
      yield* journal.write(crash(3))
      yield* until((cores) => namespaces(cores) === "-,-,shop")
      yield* PodScript.use((script) => script.tell(podUid))
      yield* until((cores) => namespaces(cores) === "shop,shop,shop")
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("asks again where more may be known, and for those alone that are not known well", () => {
    const pods = layerScriptedPods([[first, { namespace: "shop", pod: "web-0" }]])
    return Effect.gen(function*() {
      const journal = yield* JournalScript
      const script = yield* PodScript
      yield* journal.write(crash(1))
      yield* journal.write(crash(2, cgroupOf("b")))
      yield* until((cores) => namespaces(cores) === "shop,-")
      yield* script.know(first, identity)
      yield* script.tell("another")
      yield* script.tell(podUid)
      yield* until(([core]) => core?.image_id !== undefined)
      const asked = yield* script.asked
      yield* script.know(cgroupOf("b"), { ...identity, container_id: "b".repeat(64) })
      yield* script.tell(podUid)
      yield* until((cores) => namespaces(cores) === "shop,shop")
      assert.strictEqual(yield* script.asked, asked + 1)
      yield* script.tell(podUid)
      yield* journal.write(crash(3))
      yield* until((cores) => namespaces(cores) === "shop,shop,shop")
      assert.strictEqual(yield* script.asked, asked + 2)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("keeps to what was known first", () => {
    const pods = layerScriptedPods([[first, { namespace: "shop", pod: "web-0" }]])
    return Effect.gen(function*() {
      const journal = yield* JournalScript
      const script = yield* PodScript
      yield* journal.write(crash(1))
      yield* until((cores) => namespaces(cores) === "shop")
      yield* script.know(first, { ...identity, namespace: "bank" })
      yield* script.tell(podUid)
      yield* journal.write(crash(2))
      yield* until((cores) => namespaces(cores) === "shop,bank")
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("remembers after a restart, without the pod and without the entry", () =>
    Effect.gen(function*() {
      const stateDir = yield* temporaryDirectory
      const coredumpDir = yield* temporaryDirectory
      const id = idOf({ pid: 1, time: 1_700_000_000_000_001 })
      const kept = Effect.sync(() => readdirSync(stateDir).some((name) => name.endsWith(".json"))).pipe(
        Effect.repeat({ until: (isKept) => isKept, schedule: Schedule.spaced("10 millis") })
      )
      const host = (pods: Layer.Layer<PodResolver>, journal = layerScripted()) =>
        layerFakeHost({ stateDir, coredumpDir, pods, journal })

      yield* Effect.gen(function*() {
        yield* store(coredumpDir, id, content)
        yield* (yield* JournalScript).write(crash(1))
        yield* until((cores) => namespaces(cores) === "shop")
        yield* kept
      }).pipe(Effect.provide(host(layerScriptedPods([[first, identity]]))))
      assert.deepStrictEqual(readdirSync(stateDir), [`${id}.json`])

      // The journal has lost the entry.
      yield* Effect.gen(function*() {
        const [core] = yield* listed
        assert.deepInclude(core, { ...identity, state: "pending" })
        assert.notProperty(core, "COREDUMP_CGROUP")
      }).pipe(Effect.provide(host(layerScriptedPods())))

      // Somebody says something else now.
      yield* Effect.gen(function*() {
        yield* (yield* JournalScript).write(crash(1))
        yield* until((cores) => states(cores) === "present")
        const [core] = yield* listed
        assert.deepInclude(core, identity)
      }).pipe(Effect.provide(host(layerScriptedPods([[first, { ...identity, namespace: "bank" }]]))))

      // It was another container's.
      yield* Effect.gen(function*() {
        yield* (yield* JournalScript).write(crash(1, cgroupOf("b")))
        yield* until((cores) => states(cores) === "present")
        const [core] = yield* listed
        assert.notProperty(core, "namespace")
        assert.strictEqual(core?.container_id, "b".repeat(64))
      }).pipe(Effect.provide(host(layerScriptedPods())))
    }))

  it.live("tells what keeps the pods from being known, for as long as it lasts", () => {
    const pods = layerScriptedPods()
    return Effect.gen(function*() {
      const warnings = CoreSource.use((source) => Effect.map(source.nodes, ([node]) => node?.warnings))
      const host = yield* SystemdHost
      const { lack } = yield* PodScript
      assert.isUndefined(yield* warnings)
      yield* lack("a right", "a file")
      assert.deepStrictEqual(yield* warnings, ["a right", "a file"])
      assert.deepStrictEqual(yield* host.warnings, ["a right", "a file"])
      yield* lack()
      assert.isUndefined(yield* warnings)
    }).pipe(Effect.provide(layerHost({}, pods)))
  })

  it.live("runs without a state directory that can be used, and says so", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "file"), "")
      const pods = layerScriptedPods([[first, identity]])
      yield* Effect.gen(function*() {
        yield* (yield* JournalScript).write(crash(1))
        yield* until((cores) => namespaces(cores) === "shop")
        const [node] = yield* CoreSource.use((source) => source.nodes)
        assert.match(node?.warnings?.join() ?? "", /state directory .*: it is not a directory/)
      }).pipe(Effect.provide(layerFakeHost({ stateDir: join(directory, "file"), pods })))
    }))
})

describe("the state of a core that is no longer known", () => {
  /** Minutes pass until it is so, or have passed; what they start is given the time that it takes. */
  const minutes = Effect.fnUntraced(function*(most: number, until: () => boolean) {
    for (let i = 0; i < most && !until(); i++) {
      yield* TestClock.adjust("1 minute")
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
  })
  const unknown = `${idOf({ pid: 77 })}.json`
  const known = `${idOf({ pid: 1, time: timeOf(2) - 1 })}.json`

  it.effect.each([[false, [known]], [true, [unknown, known].toSorted()]] as const)(
    "is removed, unless the journal cannot be read: %j",
    ([broken, left]) =>
      Effect.gen(function*() {
        const stateDir = yield* temporaryDirectory
        for (const name of [unknown, known]) writeFileSync(join(stateDir, name), "{}")
        yield* Effect.gen(function*() {
          const dir = yield* CoresDir
          yield* store(dir, known.replace(".json", ".zst"), content)
          yield* until((cores) => cores.length === 1)
          yield* minutes(broken ? 30 : 5000, () => !readdirSync(stateDir).includes(unknown))
          assert.deepStrictEqual<ReadonlyArray<string>>(readdirSync(stateDir).toSorted(), left)
        }).pipe(Effect.provide(layerFakeHost({ stateDir, journal: layerScripted({ broken }) })))
      })
  )
})

describe("a filter of namespaces", () => {
  const pods = layerScriptedPods([[first, identity], [cgroupOf("b"), { namespace: "bank" }]])

  it.live("shows cores of matching namespaces alone, as soon as they are known", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const journal = yield* JournalScript
      const script = yield* PodScript
      const dir = yield* CoresDir
      const seen: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(source.changes({ filter: { state: "any" } }), (event) =>
          Effect.sync(() => {
            if (event.type !== "BOOKMARK") seen.push(`${event.type} ${event.object.COREDUMP_PID}`)
          })),
        { startImmediately: true }
      )
      yield* journal.write(entryFields({ pid: 1, fields: { COREDUMP_CGROUP: "/system.slice/a.service" } }))
      yield* journal.write(crash(2, cgroupOf("b")))
      yield* journal.write(crash(3, cgroupOf("c")))
      yield* store(dir, idOf({ pid: 4 }), content)
      yield* journal.write(crash(5))
      yield* until((cores) => cores.length === 1)
      for (const pid of [1, 2, 3, 4]) {
        const failure = yield* Effect.flip(source.get({ node: "node-1", id: idOf({ pid, time: timeOf(pid) }) }))
        assert.strictEqual(failure._tag, "CoreNotFound")
      }
      yield* script.know(cgroupOf("c"), { ...identity, container_id: "c".repeat(64) })
      yield* script.tell(podUid)
      yield* until((cores) => cores.length === 2)
      assert.deepStrictEqual(seen, ["ADDED 5", "ADDED 3"])
    }).pipe(Effect.provide(layerHost({ namespaceRegex: /^(?:shop)$/u }, pods))))

  it.live("forgets none of those that it hides, up to a bound", () =>
    Effect.gen(function*() {
      const journal = yield* JournalScript
      const script = yield* PodScript
      for (let pid = 1; pid <= 30; pid++) yield* journal.write(crash(pid, cgroupOf("c")))
      yield* journal.write(crash(31))
      yield* until((cores) => cores.length === 1)
      yield* script.know(cgroupOf("c"), { namespace: "shop" })
      yield* script.tell(podUid)
      yield* until((cores) => cores.length === 10 && cores.some(({ COREDUMP_PID }) => COREDUMP_PID === 30))
      const pids = (yield* listed).map(({ COREDUMP_PID }) => COREDUMP_PID)
      assert.deepStrictEqual(pids, [22, 23, 24, 25, 26, 27, 28, 29, 30, 31])
    }).pipe(Effect.provide(layerHost({ namespaceRegex: /^(?:shop)$/u, maxCores: 10 }, pods))))
})

function timeOf(pid: number): number {
  return pid === 1 || pid === 4 ? 1_700_000_000_000_000 : 1_700_000_000_000_000 + pid
}
