/** Servers that are killed, hang or change their address, and pods that are deleted before their core is found. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { readFile } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"
import { ctl } from "../../../host/test/support/Ctl.ts"
import { corePath, list, request, type WireCore } from "../../../host/test/support/Http.ts"
import { quantiles, report } from "../../../host/test/support/report.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace } from "../support/Access.ts"
import { cluster, crashInCgroup, findPid } from "../support/Cluster.ts"
import { koreapi, nodePod } from "../support/Koredump.ts"
import { apply, eventually, type Pod, pod, remove } from "../support/Kube.ts"
import { type As, client, curl, curlStatus, isIdentified, verifyCore, verifyIdentity } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "failures"
let as: As
let watch: Watch

beforeAll(async () => {
  as = { url: await koreapi(), token: await makeUser("failures", [everything(), everythingOnNodes]) }
  await apply(namespace(ns))
  watch = await Watch.open(as)
  await crash("before-1", "node-1")
  await crash("before-2", "node-2")
})
afterAll(() => watch[Symbol.asyncDispose]())

const object = (name: string, node: string, options: Parameters<typeof crashing>[1] = {}) =>
  podObject(ns, name, podSpec([crashing("main", options)], { node }))

const waitForCore = async (pod: string, millis?: number): Promise<WireCore> =>
  (await watch.find(
    ({ object, type }) => type !== "DELETED" && object["pod"] === pod && isIdentified(object),
    pod,
    millis
  )).object

const crash = async (name: string, node: string): Promise<WireCore> => {
  await apply(object(name, node))
  return waitForCore(name, 30_000)
}

const getContainer = (pod: Pod) => pod.status.containerStatuses![0]!

/** The PID of a node agent on this machine. */
const findAgent = async (node: string): Promise<{ readonly pod: Pod; readonly pid: number }> => {
  const pod = await nodePod(node)
  return { pod, pid: await findPid(node, getContainer(pod).containerID!) }
}

interface NodeState {
  readonly name: string
  readonly state: string
  readonly address: string
}

/** Waits until a node is in a state, and returns its status. */
const waitForNodeState = (node: string, state: string): Promise<NodeState> =>
  eventually(`${node} ${state}`, async () => {
    const nodes = JSON.parse(await curl(as, "/apiv1/nodes")) as ReadonlyArray<NodeState>
    return nodes.find((status) => status.name === node && status.state === state)
  }, 60_000)

/** Events of a node's cores since then, except additions of new cores. */
const storm = (node: string, from: number) =>
  watch.events.slice(from).filter(({ object, type }) => type === "DELETED" && object.node === node)

describe("a node agent", () => {
  it("that is killed restarts, without lost or repeated events", async () => {
    const from = watch.events.length
    const { pid, pod } = await findAgent("node-1")
    process.kill(pid, "SIGKILL")
    await crashInCgroup("node-1", "/system.slice/while-away.service")
    await eventually("another container", async () => {
      const now = await nodePod("node-1")
      return getContainer(now).restartCount > getContainer(pod).restartCount
    }, 60_000)
    await watch.find(
      ({ object }) => String(object["COREDUMP_CGROUP"]).endsWith("/while-away.service"),
      "the crash while it was away",
      60_000
    )
    await waitForNodeState("node-1", "ready")
    assert.deepStrictEqual(storm("node-1", from), [])
    // Pod identities are still known after the restart.
    const core = await waitForCore("before-1")
    assert.deepInclude(await list(as, "pod=before-1").then(([core]) => core!), { pod: "before-1", container: "main" })
    await verifyCore(as, core)
  })

  it("that hangs does not delay lists, is reported as unreachable, and makes koredumpctl exit with code 3", {
    timeout: 120_000
  }, async () => {
    const from = watch.events.length
    const { pid } = await findAgent("node-1")
    process.kill(pid, "SIGSTOP")
    try {
      await waitForNodeState("node-1", "unreachable")
      const times: Array<number> = []
      for (let i = 0; i < 50; i++) {
        const started = performance.now()
        const response = await request(as, `/apiv1/cores?namespace=${ns}`)
        const cores = await response.json() as ReadonlyArray<WireCore>
        times.push(performance.now() - started)
        assert.strictEqual(response.headers.get("koredump-unreachable"), "node-1")
        assert.includeMembers(cores.map((core) => core["pod"]), ["before-1", "before-2"])
      }
      const took = quantiles(times)
      report(`list with one node stopped: ${took.text}`)
      // Only the median, because the cluster runs on the same two processors.
      assert.isBelow(took.p50, 50)

      const listed = await ctl(as, ["list", "-n", ns])
      assert.strictEqual(listed.code, 3, listed.stderr)
      assert.match(listed.stderr, /node-1/)
      const nodes = await ctl(as, ["nodes"])
      assert.strictEqual(nodes.code, 3, nodes.stderr)
      assert.match(nodes.stdout, /node-1.*unreachable/)
      await using koredump = client(as)
      assert.deepStrictEqual((await koredump.list()).unreachable, ["node-1"])
      assert.strictEqual(await curlStatus(as, "/apiv1/cores?strict=true"), 502)

      const [here, there] = [await waitForCore("before-2"), await waitForCore("before-1")]
      await verifyCore(as, here)
      assert.include([502, 504], await curlStatus(as, corePath("download", there)))
      // Other nodes still send events.
      await crash("meanwhile", "node-2")
    } finally {
      process.kill(pid, "SIGCONT")
    }
    await waitForNodeState("node-1", "ready")
    assert.deepStrictEqual(storm("node-1", from), [])
    await crash("after-stop", "node-1")
  })

  it("that is replaced at another address keeps its name", { timeout: 120_000 }, async () => {
    const from = watch.events.length
    const old = await nodePod("node-1")
    await remove(old)
    const replaced = await nodePod("node-1", old)
    assert.notStrictEqual(replaced.status.podIP, old.status.podIP)
    const { address } = await eventually("the new address", async () => {
      const state = await waitForNodeState("node-1", "ready")
      return state.address.includes(`//${replaced.status.podIP}:`) && state
    })
    assert.match(address, /^https:/)
    assert.deepStrictEqual(storm("node-1", from), [])
    await verifyCore(as, await waitForCore("before-1"))
    await verifyCore(as, await crash("after-move", "node-1"))
  })
})

describe("a pod that is deleted", () => {
  it("before its core is found is still identified", { timeout: 90_000 }, async () => {
    const { pid } = await findAgent("node-1")
    const name = "early"
    await apply(object(name, "node-1", { times: 0 }))
    const owner = await eventually("it runs", async () => {
      const found = await pod(ns, name)
      return found.status.phase === "Running" && found
    })
    process.kill(pid, "SIGSTOP")
    try {
      const cgroup = `/kubepods/besteffort/pod${owner.metadata.uid}`
      await crashInCgroup("node-1", `${cgroup}/${getContainer(owner).containerID!.replace("containerd://", "")}`)
      await remove(owner, 0)
      await eventually("it is gone", () => pod(ns, name).then(() => false, () => true))
    } finally {
      process.kill(pid, "SIGCONT")
    }
    const core = await waitForCore(name, 30_000)
    assert.deepInclude(core, { namespace: ns, pod_uid: owner.metadata.uid, container: "main" })
  })

  it("while its core is written is still identified", { timeout: 90_000 }, async () => {
    const name = "writing"
    await apply(object(name, "node-2", { times: 1, millis: 1500, env: { CRASH_MIB: "100" } }))
    const owner = await eventually("it runs", async () => {
      const found = await pod(ns, name)
      return found.status.phase === "Running" && found
    })
    const pid = await findPid("node-2", getContainer(owner).containerID!)
    // This state lasts only a few hundred milliseconds, which `eventually` can miss.
    for (const until = performance.now() + 20_000; !(await isDumping(pid));) {
      assert.isBelow(performance.now(), until, "it crashes")
      await setTimeout(2)
    }
    await remove(owner, 0)
    const core = await waitForCore(name, 60_000)
    verifyIdentity(core, owner, "main", undefined)
    await eventually("it is gone", () => pod(ns, name).then(() => false, () => true))
    assert.strictEqual((await list(as, `pod=${name}`))[0]?.id, core.id)
    await verifyCore(as, core)
  })
})

/** Whether the kernel is writing the core of this process. */
const isDumping = async (pid: number): Promise<boolean> =>
  /^CoreDumping:\t1$/m.test(await readFile(`/proc/${pid}/status`, "utf8"))

it("rejects new tokens while the Kubernetes API is down, and loses nothing", {
  timeout: 120_000
}, async () => {
  const from = watch.events.length
  const fresh = await makeUser("fresh", [everything()])
  await cluster("apiserver", "stop")
  try {
    // This token was not used before, so it is not cached.
    assert.strictEqual(await curlStatus({ url: as.url, token: fresh }, "/apiv1/cores"), 503)
    assert.strictEqual(await curlStatus(as, "/health"), 200)
  } finally {
    await cluster("apiserver", "start")
  }
  await eventually("the server answers again", async () => (await curlStatus(as, "/apiv1/cores")) === 200, 60_000)
  assert.deepStrictEqual(storm("node-1", from), [])
  watch = await Watch.open(as)
  await eventually("the default service account", () => pod(ns, "before-1"))
  await verifyCore(as, await crash("after-restart", "node-1"))
  assert.strictEqual(await curlStatus({ url: as.url, token: fresh }, "/apiv1/cores"), 200)
})
