import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Pod } from "../../src/pods/Pod.ts"
import { PodIndex } from "../../src/pods/PodIndex.ts"
import { toPodInfo } from "../../src/pods/podInfo.ts"
import { id, pending, staticPod, web } from "../support/pods.ts"

const toInfo = (pod: unknown) => toPodInfo(Schema.decodeUnknownSync(Pod)(pod))
const makeIndex = (maxDeleted = 10) => new PodIndex({ retention: 1000, maxDeleted })

const uid = web.metadata.uid
const pod = {
  namespace: "shop",
  pod: "web-6d4b75cb6d-hk5vq",
  pod_uid: uid,
  workload: "Deployment/web"
}
const hash = "7260904bbd08e72e4dff95d9fccd2ee8"

/** The pod while its container has this ID. */
const running = (containerId: string, imageID = "sha256:1") => ({
  ...web,
  status: { containerStatuses: [{ name: "web", containerID: `containerd://${containerId}`, imageID }] }
})

/** The pod with this image, whose status may lack the image ID. */
const started = (image: string, imageID?: string) => ({
  ...web,
  spec: { containers: [{ name: "web", image }] },
  status: {
    containerStatuses: [{
      name: "web",
      containerID: `containerd://${id("a")}`,
      ...(imageID === undefined ? {} : { imageID })
    }]
  }
})

const hex = (i: number) => i.toString(16).padStart(64, "0")

describe("PodIndex", () => {
  it("finds pod and container by UID and container ID", () => {
    const index = makeIndex()
    index.put(toInfo(web))
    assert.deepStrictEqual(index.resolve({ podUid: uid, containerId: id("2") }), {
      ...pod,
      container_id: id("2"),
      container: "web",
      image_name: "registry.example/shop/web:1.2.0"
    })
  })

  it("finds only the pod for an unknown container ID: a sandbox, or a container that is not in the status yet", () => {
    const index = makeIndex()
    index.put(toInfo(running(id("a"))))
    assert.deepStrictEqual(index.resolve({ podUid: uid, containerId: id("b") }), pod)
    assert.deepStrictEqual(index.resolve({ podUid: uid }), pod)
  })

  it("finds nothing for the UID of another pod", () => {
    const index = makeIndex()
    index.put(toInfo(web))
    assert.deepStrictEqual(index.resolve({ podUid: pending.metadata.uid, containerId: id("3") }), {})
  })

  it("keeps every restart of a container with its image", () => {
    const index = makeIndex()
    for (const digit of ["a", "b", "c"]) index.put(toInfo(running(id(digit), `sha256:${digit}`)))
    for (const digit of ["a", "b", "c"]) {
      const { container_id, image_id } = index.resolve({ podUid: uid, containerId: id(digit) })
      assert.deepStrictEqual([container_id, image_id], [id(digit), `sha256:${digit}`])
    }
  })

  it("keeps the first image name of a container when more fields become known", () => {
    const index = makeIndex()
    index.put(toInfo(started("web:1")))
    index.put(toInfo(started("web:2", "sha256:1")))
    const { image_id, image_name } = index.resolve({ podUid: uid, containerId: id("a") })
    assert.deepStrictEqual([image_name, image_id], ["web:1", "sha256:1"])
  })

  it("returns whether the identities have changed", () => {
    const index = makeIndex()
    const statusless = { ...web, status: {} }
    const imageless = {
      ...web,
      status: { containerStatuses: [{ name: "web", containerID: `containerd://${id("a")}` }] }
    }
    const steps = [statusless, statusless, imageless, imageless, running(id("a")), running(id("a")), statusless]
    assert.deepStrictEqual(steps.map((step) => index.put(toInfo(step))), [true, false, true, false, true, false, false])
  })

  it("keeps the newest thousand containers of a pod", () => {
    const index = makeIndex()
    for (let i = 0; i <= 1000; i++) index.put(toInfo(running(hex(i))))
    const containerName = (i: number) => index.resolve({ podUid: uid, containerId: hex(i) }).container
    assert.deepStrictEqual([containerName(0), containerName(1), containerName(1000)], [undefined, "web", "web"])
  })
})

describe("deleted pods", () => {
  it("are kept for the retention", () => {
    const index = makeIndex()
    index.put(toInfo(web))
    index.markDeleted(uid, 0)
    index.prune(999)
    assert.strictEqual(index.resolve({ podUid: uid }).pod, pod.pod)
    index.prune(1000)
    assert.deepStrictEqual(index.resolve({ podUid: uid }), {})
  })

  it("keep the time of their first deletion", () => {
    const index = makeIndex()
    index.put(toInfo(web))
    index.markDeleted(uid, 0)
    index.markDeleted(uid, 900)
    index.prune(1000)
    assert.deepStrictEqual(index.resolve({ podUid: uid }), {})
  })

  it("are the ones missing from a list", () => {
    const index = makeIndex()
    index.put(toInfo(web))
    index.put(toInfo(pending))
    index.markDeletedExcept(new Set([pending.metadata.uid]), 0)
    index.prune(1000)
    assert.deepStrictEqual(index.resolve({ podUid: uid }), {})
    assert.strictEqual(index.resolve({ podUid: pending.metadata.uid }).namespace, "shop")
  })

  it("count as running again if they reappear", () => {
    const index = makeIndex()
    index.put(toInfo(web))
    index.markDeleted(uid, 0)
    index.put(toInfo(web))
    index.prune(5000)
    assert.strictEqual(index.resolve({ podUid: uid }).pod, pod.pod)
  })

  it("are limited in number: the first one deleted is removed first", () => {
    const index = makeIndex(1)
    index.put(toInfo(web))
    index.put(toInfo(pending))
    index.markDeleted(uid, 0)
    index.markDeleted(pending.metadata.uid, 1)
    assert.deepStrictEqual(index.resolve({ podUid: uid }), {})
    assert.strictEqual(index.resolve({ podUid: pending.metadata.uid }).namespace, "shop")
  })
})

/** A pod that claims to be the mirror of a static pod. */
const mirror = (name: string, podUid: string, containerIds: ReadonlyArray<string> = [], claimed = hash) => ({
  ...staticPod,
  metadata: {
    ...staticPod.metadata,
    name,
    uid: podUid,
    annotations: { "kubernetes.io/config.hash": claimed, "kubernetes.io/config.mirror": claimed }
  },
  status: { containerStatuses: containerIds.map((id) => ({ name: "etcd", containerID: `containerd://${id}` })) }
})

describe("static pods", () => {
  it("are found by the hash of their file, and have the UID of the Kubernetes API", () => {
    const index = makeIndex()
    index.put(toInfo(staticPod))
    assert.deepStrictEqual(index.resolve({ podUid: hash, containerId: id("e") }), {
      namespace: "kube-system",
      pod: "etcd-node-1",
      pod_uid: staticPod.metadata.uid,
      container_id: id("e"),
      container: "etcd",
      image_name: "registry.k8s.io/etcd:3.6.4-0",
      image_id: `sha256:${"7".repeat(64)}`
    })
  })

  it("are found only by their containers, because every pod can claim the hash", () => {
    const index = makeIndex()
    index.put(toInfo(mirror("claims-it", "forged")))
    assert.deepStrictEqual(index.resolve({ podUid: hash, containerId: id("e") }), {})
    assert.deepStrictEqual(index.resolve({ podUid: hash }), {})
    index.put(toInfo(staticPod))
    assert.strictEqual(index.resolve({ podUid: hash, containerId: id("e") }).pod, "etcd-node-1")
    assert.deepStrictEqual(index.resolve({ podUid: hash, containerId: id("f") }), {})
  })

  it("cannot claim the UID of an ordinary pod", () => {
    const index = makeIndex()
    index.put(toInfo(mirror("claims-it", "forged", [], uid)))
    index.put(toInfo(web))
    assert.strictEqual(index.resolve({ podUid: uid, containerId: id("3") }).pod, pod.pod)
    assert.strictEqual(index.resolve({ podUid: uid }).pod, pod.pod)
  })

  it("have no identity if two names claim one container", () => {
    const index = makeIndex()
    index.put(toInfo(mirror("one", "u1", [id("e")])))
    index.put(toInfo(mirror("other", "u2", [id("e")])))
    assert.deepStrictEqual(index.resolve({ podUid: hash, containerId: id("e") }), {})
  })

  it("have the UID of the newest mirror pod", () => {
    const index = makeIndex()
    index.put(toInfo(mirror("etcd-node-1", "u1", [id("e")])))
    index.put(toInfo(mirror("etcd-node-1", "u2", [id("e")])))
    assert.strictEqual(index.resolve({ podUid: hash, containerId: id("e") }).pod_uid, "u2")
  })
})
