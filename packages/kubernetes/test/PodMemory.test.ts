import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Pod } from "../src/Pod.ts"
import { factsOfPod } from "../src/podFacts.ts"
import { PodMemory } from "../src/PodMemory.ts"
import { id, pending, staticPod, web } from "./support/pods.ts"

const facts = (pod: unknown) => factsOfPod(Schema.decodeUnknownSync(Pod)(pod))
const memory = (maxDeleted = 10) => new PodMemory({ keepMillis: 1000, maxDeleted })

const uid = web.metadata.uid
const pod = {
  namespace: "shop",
  pod: "web-6d4b75cb6d-hk5vq",
  pod_uid: uid,
  workload: "Deployment/web"
}
const hash = "7260904bbd08e72e4dff95d9fccd2ee8"

/** The pod while its container has this id. */
const running = (containerId: string, imageID = "sha256:1") => ({
  ...web,
  status: { containerStatuses: [{ name: "web", containerID: `containerd://${containerId}`, imageID }] }
})

const hex = (i: number) => i.toString(16).padStart(64, "0")

describe("PodMemory", () => {
  it("knows pod and container by UID and id", () => {
    const pods = memory()
    pods.learn(facts(web))
    assert.deepStrictEqual(pods.resolve({ podUid: uid, containerId: id("2") }), {
      ...pod,
      container_id: id("2"),
      container: "web",
      image_name: "registry.example/shop/web:1.2.0"
    })
  })

  it("an id that the pod never had is no container of it: its sandbox, or one that is not in the status yet", () => {
    const pods = memory()
    pods.learn(facts(running(id("a"))))
    assert.deepStrictEqual(pods.resolve({ podUid: uid, containerId: id("b") }), pod)
    assert.deepStrictEqual(pods.resolve({ podUid: uid }), pod)
  })

  it("knows nothing of other pods, whatever their containers", () => {
    const pods = memory()
    pods.learn(facts(web))
    assert.deepStrictEqual(pods.resolve({ podUid: pending.metadata.uid, containerId: id("3") }), {})
  })

  it("keeps each incarnation of a container, with the image that it had", () => {
    const pods = memory()
    for (const digit of ["a", "b", "c"]) pods.learn(facts(running(id(digit), `sha256:${digit}`)))
    for (const digit of ["a", "b", "c"]) {
      const { container_id, image_id } = pods.resolve({ podUid: uid, containerId: id(digit) })
      assert.deepStrictEqual([container_id, image_id], [id(digit), `sha256:${digit}`])
    }
  })

  it("says whether it learnt more", () => {
    const pods = memory()
    const statusless = { ...web, status: {} }
    const imageless = {
      ...web,
      status: { containerStatuses: [{ name: "web", containerID: `containerd://${id("a")}` }] }
    }
    const steps = [statusless, statusless, imageless, imageless, running(id("a")), running(id("a")), statusless]
    assert.deepStrictEqual(steps.map((step) => pods.learn(facts(step))), [true, false, true, false, true, false, false])
  })

  it("keeps a thousand incarnations, the newest", () => {
    const pods = memory()
    for (let i = 0; i <= 1000; i++) pods.learn(facts(running(hex(i))))
    const known = (i: number) => pods.resolve({ podUid: uid, containerId: hex(i) }).container
    assert.deepStrictEqual([known(0), known(1), known(1000)], [undefined, "web", "web"])
  })
})

describe("deleted pods", () => {
  it("are remembered for a while", () => {
    const pods = memory()
    pods.learn(facts(web))
    pods.buried(uid, 0)
    pods.forget(999)
    assert.strictEqual(pods.resolve({ podUid: uid }).pod, pod.pod)
    pods.forget(1000)
    assert.deepStrictEqual(pods.resolve({ podUid: uid }), {})
  })

  it("are those that a list does not have any more", () => {
    const pods = memory()
    pods.learn(facts(web))
    pods.learn(facts(pending))
    pods.buriedExcept(new Set([pending.metadata.uid]), 0)
    pods.forget(1000)
    assert.deepStrictEqual(pods.resolve({ podUid: uid }), {})
    assert.strictEqual(pods.resolve({ podUid: pending.metadata.uid }).namespace, "shop")
  })

  it("live again if they are seen again", () => {
    const pods = memory()
    pods.learn(facts(web))
    pods.buried(uid, 0)
    pods.learn(facts(web))
    pods.forget(5000)
    assert.strictEqual(pods.resolve({ podUid: uid }).pod, pod.pod)
  })

  it("are bounded: the oldest go first", () => {
    const pods = memory(1)
    pods.learn(facts(web))
    pods.learn(facts(pending))
    pods.buried(uid, 0)
    pods.buried(pending.metadata.uid, 1)
    assert.deepStrictEqual(pods.resolve({ podUid: uid }), {})
    assert.strictEqual(pods.resolve({ podUid: pending.metadata.uid }).namespace, "shop")
  })
})

/** A pod that says of itself that it is the mirror of a static one. */
const mirror = (name: string, podUid: string, containerIds: ReadonlyArray<string> = [], claimed = hash) => ({
  ...staticPod,
  metadata: {
    ...staticPod.metadata,
    name,
    uid: podUid,
    annotations: { "kubernetes.io/config.hash": claimed, "kubernetes.io/config.mirror": claimed }
  },
  status: { containerStatuses: containerIds.map((one) => ({ name: "etcd", containerID: `containerd://${one}` })) }
})

describe("static pods", () => {
  it("are known by the hash of their file, and have the API's UID", () => {
    const pods = memory()
    pods.learn(facts(staticPod))
    assert.deepStrictEqual(pods.resolve({ podUid: hash, containerId: id("e") }), {
      namespace: "kube-system",
      pod: "etcd-node-1",
      pod_uid: staticPod.metadata.uid,
      container_id: id("e"),
      container: "etcd",
      image_name: "registry.k8s.io/etcd:3.6.4-0",
      image_id: `sha256:${"7".repeat(64)}`
    })
  })

  it("are known by a container of theirs alone: anybody can claim the hash", () => {
    const pods = memory()
    pods.learn(facts(mirror("claims-it", "forged")))
    assert.deepStrictEqual(pods.resolve({ podUid: hash, containerId: id("e") }), {})
    assert.deepStrictEqual(pods.resolve({ podUid: hash }), {})
    pods.learn(facts(staticPod))
    assert.strictEqual(pods.resolve({ podUid: hash, containerId: id("e") }).pod, "etcd-node-1")
    assert.deepStrictEqual(pods.resolve({ podUid: hash, containerId: id("f") }), {})
  })

  it("cannot take an ordinary pod's UID", () => {
    const pods = memory()
    pods.learn(facts(mirror("claims-it", "forged", [], uid)))
    pods.learn(facts(web))
    assert.strictEqual(pods.resolve({ podUid: uid, containerId: id("3") }).pod, pod.pod)
    assert.strictEqual(pods.resolve({ podUid: uid }).pod, pod.pod)
  })

  it("of two names for one container none is believed", () => {
    const pods = memory()
    pods.learn(facts(mirror("one", "u1", [id("e")])))
    pods.learn(facts(mirror("other", "u2", [id("e")])))
    assert.deepStrictEqual(pods.resolve({ podUid: hash, containerId: id("e") }), {})
  })

  it("a mirror that was made anew is the newer pod of the API", () => {
    const pods = memory()
    pods.learn(facts(mirror("etcd-node-1", "u1", [id("e")])))
    pods.learn(facts(mirror("etcd-node-1", "u2", [id("e")])))
    assert.strictEqual(pods.resolve({ podUid: hash, containerId: id("e") }).pod_uid, "u2")
  })
})
