import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Pod } from "../../src/pods/Pod.ts"
import { toPodInfo, toWorkload } from "../../src/pods/podInfo.ts"
import { id, pending, staticPod, web } from "../support/pods.ts"

const pod = Schema.decodeUnknownSync(Pod)

const toImage = (name: string) => `registry.example/shop/${name}@sha256:${"9".repeat(64)}`

describe("toPodInfo", () => {
  it("contains every container of the status", () => {
    const info = toPodInfo(pod(web))
    assert.deepStrictEqual(info.identity, {
      namespace: "shop",
      pod: "web-6d4b75cb6d-hk5vq",
      pod_uid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf",
      workload: "Deployment/web"
    })
    assert.deepStrictEqual([info.cgroupUid, info.isMirror], [info.uid, false])
    assert.deepStrictEqual(Object.fromEntries(info.containers), {
      [id("1")]: { container: "migrate", image_name: "registry.example/shop/migrate:7", image_id: toImage("migrate") },
      // Terminated earlier: the image ID in the status is of the current container.
      [id("2")]: { container: "web", image_name: "registry.example/shop/web:1.2.0" },
      [id("3")]: { container: "web", image_name: "registry.example/shop/web:1.2.0", image_id: toImage("web") },
      // The name in the spec, because the status has a digest.
      [id("4")]: { container: "proxy", image_name: "proxy", image_id: toImage("proxy") },
      [id("5")]: { container: "debugger-x7k2p", image_name: "busybox:1.36", image_id: toImage("debugger-x7k2p") }
    })
  })

  it("has the hash of the file as cgroup UID of a static pod", () => {
    const { cgroupUid, containers, identity, isMirror } = toPodInfo(pod(staticPod))
    assert.deepStrictEqual([cgroupUid, isMirror], ["7260904bbd08e72e4dff95d9fccd2ee8", true])
    assert.deepStrictEqual(identity, {
      namespace: "kube-system",
      pod: "etcd-node-1",
      pod_uid: "30cea2cf-1b80-4807-abad-d81453e199c5"
    })
    assert.deepStrictEqual([...containers.keys()], [id("e")])
  })

  it("omits texts that are longer than any real name", () => {
    const long = "x".repeat(1 << 20)
    const info = toPodInfo(pod({
      ...web,
      metadata: { ...web.metadata, ownerReferences: [{ kind: "Job", name: long, controller: true }] },
      spec: { containers: [{ name: "web", image: long }] },
      status: { containerStatuses: [{ name: "web", containerID: `containerd://${id("1")}`, imageID: long }] }
    }))
    assert.notProperty(info.identity, "workload")
    assert.deepStrictEqual([...info.containers.values()], [{ container: "web" }])
  })

  it("keeps the image ID of a container that the status contains twice", () => {
    const terminated = { terminated: { containerID: `containerd://${id("1")}` } }
    const container = {
      name: "web",
      containerID: `containerd://${id("1")}`,
      imageID: "sha256:1",
      lastState: terminated
    }
    const info = toPodInfo(pod({ ...web, status: { containerStatuses: [container] } }))
    assert.strictEqual(info.containers.get(id("1"))?.image_id, "sha256:1")
  })

  it("has no containers before they start", () => {
    const info = toPodInfo(pod(pending))
    assert.strictEqual(info.containers.size, 0)
    assert.strictEqual(info.identity.workload, "Job/report-29401")
  })

  it("ignores the hash annotation of pods that are not mirror pods", () => {
    const annotations = { "kubernetes.io/config.hash": "7260904bbd08e72e4dff95d9fccd2ee8" }
    const info = toPodInfo(pod({ ...web, metadata: { ...web.metadata, annotations } }))
    assert.deepStrictEqual([info.cgroupUid, info.isMirror], [web.metadata.uid, false])
  })

  it.each([
    ["missing", undefined],
    ["empty", ""],
    ["not an ID", "containerd://x"],
    ["an ID without a runtime", id("1")],
    ["a path", `containerd://../${id("1")}`]
  ])("skips a container ID that is %s", (_, containerID) => {
    const containerStatuses = [{ name: "web", ...(containerID === undefined ? {} : { containerID }) }]
    assert.strictEqual(toPodInfo(pod({ ...web, status: { containerStatuses } })).containers.size, 0)
  })

  it("drops all other fields of a pod", () => {
    assert.notInclude(JSON.stringify(pod(web)), "s3cr3t")
  })
})

const workload = (owner: object | undefined, labels: Record<string, string> = {}) =>
  toWorkload(pod({
    ...web,
    metadata: {
      ...web.metadata,
      labels,
      ...(owner === undefined ? { ownerReferences: [] } : { ownerReferences: [owner] })
    }
  }))
const owner = (kind: string, name: string) => ({ kind, name, controller: true })
const hash = { "pod-template-hash": "6d4b75cb6d" }

describe("toWorkload", () => {
  it.each<[string, object | undefined, Record<string, string>, string | undefined]>([
    ["no owner", undefined, {}, undefined],
    ["the ReplicaSet of a Deployment", owner("ReplicaSet", "web-6d4b75cb6d"), hash, "Deployment/web"],
    ["a name with dashes", owner("ReplicaSet", "a-b-6d4b75cb6d"), hash, "Deployment/a-b"],
    ["a ReplicaSet without a Deployment", owner("ReplicaSet", "web"), {}, "ReplicaSet/web"],
    ["a ReplicaSet with another suffix", owner("ReplicaSet", "web-1"), hash, "ReplicaSet/web-1"],
    ["a StatefulSet", owner("StatefulSet", "db"), {}, "StatefulSet/db"],
    ["a DaemonSet", owner("DaemonSet", "agent"), {}, "DaemonSet/agent"],
    ["a Job", owner("Job", "report-29401"), {}, "Job/report-29401"],
    ["a custom kind", owner("Rollout", "web"), {}, "Rollout/web"],
    ["the node of a static pod", owner("Node", "node-1"), {}, undefined],
    ["an owner that is not the controller", { kind: "ConfigMap", name: "x" }, {}, undefined]
  ])("%s", (_, reference, labels, expected) => assert.strictEqual(workload(reference, labels), expected))
})
