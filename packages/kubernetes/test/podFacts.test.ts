import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Pod } from "../src/Pod.ts"
import { factsOfPod, workloadOf } from "../src/podFacts.ts"
import { id, pending, staticPod, web } from "./support/pods.ts"

const pod = Schema.decodeUnknownSync(Pod)

const imageOf = (name: string) => `registry.example/shop/${name}@sha256:${"9".repeat(64)}`

describe("factsOfPod", () => {
  it("names every container that the status names", () => {
    const facts = factsOfPod(pod(web))
    assert.deepStrictEqual(facts.identity, {
      namespace: "shop",
      pod: "web-6d4b75cb6d-hk5vq",
      pod_uid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf",
      workload: "Deployment/web"
    })
    assert.deepStrictEqual([facts.cgroupUid, facts.mirror], [facts.uid, false])
    assert.deepStrictEqual(Object.fromEntries(facts.containers), {
      [id("1")]: { container: "migrate", image_name: "registry.example/shop/migrate:7", image_id: imageOf("migrate") },
      // Ended before the one that runs now: whose image the status tells.
      [id("2")]: { container: "web", image_name: "registry.example/shop/web:1.2.0" },
      [id("3")]: { container: "web", image_name: "registry.example/shop/web:1.2.0", image_id: imageOf("web") },
      // As the pod's author wrote it, where the status has a digest.
      [id("4")]: { container: "proxy", image_name: "proxy", image_id: imageOf("proxy") },
      [id("5")]: { container: "debugger-x7k2p", image_name: "busybox:1.36", image_id: imageOf("debugger-x7k2p") }
    })
  })

  it("a static pod has its file's hash in cgroups", () => {
    const { cgroupUid, containers, identity, mirror } = factsOfPod(pod(staticPod))
    assert.deepStrictEqual([cgroupUid, mirror], ["7260904bbd08e72e4dff95d9fccd2ee8", true])
    assert.deepStrictEqual(identity, {
      namespace: "kube-system",
      pod: "etcd-node-1",
      pod_uid: "30cea2cf-1b80-4807-abad-d81453e199c5"
    })
    assert.deepStrictEqual([...containers.keys()], [id("e")])
  })

  it("what is longer than any name is not taken over", () => {
    const long = "x".repeat(1 << 20)
    const facts = factsOfPod(pod({
      ...web,
      metadata: { ...web.metadata, ownerReferences: [{ kind: "Job", name: long, controller: true }] },
      spec: { containers: [{ name: "web", image: long }] },
      status: { containerStatuses: [{ name: "web", containerID: `containerd://${id("1")}`, imageID: long }] }
    }))
    assert.notProperty(facts.identity, "workload")
    assert.deepStrictEqual([...facts.containers.values()], [{ container: "web" }])
  })

  it("no container has started", () => {
    const facts = factsOfPod(pod(pending))
    assert.strictEqual(facts.containers.size, 0)
    assert.strictEqual(facts.identity.workload, "Job/report-29401")
  })

  it("reads the annotation of a file's hash from a mirror alone", () => {
    const annotations = { "kubernetes.io/config.hash": "7260904bbd08e72e4dff95d9fccd2ee8" }
    const facts = factsOfPod(pod({ ...web, metadata: { ...web.metadata, annotations } }))
    assert.deepStrictEqual([facts.cgroupUid, facts.mirror], [web.metadata.uid, false])
  })

  it.each([
    ["nothing", undefined],
    ["empty", ""],
    ["no id", "containerd://x"],
    ["an id of no runtime", id("1")],
    ["a path", `containerd://../${id("1")}`]
  ])("no container by an odd id: %s", (_, containerID) => {
    const containerStatuses = [{ name: "web", ...(containerID === undefined ? {} : { containerID }) }]
    assert.strictEqual(factsOfPod(pod({ ...web, status: { containerStatuses } })).containers.size, 0)
  })

  it("keeps nothing of what it does not need", () => {
    assert.notInclude(JSON.stringify(pod(web)), "s3cr3t")
  })
})

const workload = (owner: object | undefined, labels: Record<string, string> = {}) =>
  workloadOf(pod({
    ...web,
    metadata: {
      ...web.metadata,
      labels,
      ...(owner === undefined ? { ownerReferences: [] } : { ownerReferences: [owner] })
    }
  }))
const owner = (kind: string, name: string) => ({ kind, name, controller: true })
const hash = { "pod-template-hash": "6d4b75cb6d" }

describe("workloadOf", () => {
  it.each<[string, object | undefined, Record<string, string>, string | undefined]>([
    ["nobody", undefined, {}, undefined],
    ["a Deployment's ReplicaSet", owner("ReplicaSet", "web-6d4b75cb6d"), hash, "Deployment/web"],
    ["a name with dashes", owner("ReplicaSet", "a-b-6d4b75cb6d"), hash, "Deployment/a-b"],
    ["a ReplicaSet of its own", owner("ReplicaSet", "web"), {}, "ReplicaSet/web"],
    ["one whose name ends otherwise", owner("ReplicaSet", "web-1"), hash, "ReplicaSet/web-1"],
    ["a StatefulSet", owner("StatefulSet", "db"), {}, "StatefulSet/db"],
    ["a DaemonSet", owner("DaemonSet", "agent"), {}, "DaemonSet/agent"],
    ["a Job", owner("Job", "report-29401"), {}, "Job/report-29401"],
    ["a kind of the cluster's own", owner("Rollout", "web"), {}, "Rollout/web"],
    ["a static pod's node", owner("Node", "node-1"), {}, undefined],
    ["an owner that does not control", { kind: "ConfigMap", name: "x" }, {}, undefined]
  ])("%s", (_, reference, labels, expected) => assert.strictEqual(workload(reference, labels), expected))
})
