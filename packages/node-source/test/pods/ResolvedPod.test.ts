import { assert, describe, it } from "@effect/vitest"
import type { PodIdentity } from "@koredump/core"
import { addIdentity, isComplete, podFacts } from "../../src/pods/ResolvedPod.ts"

const cgroup = { podUid: "u", containerId: "c" }
const whole: PodIdentity = {
  namespace: "shop",
  pod: "web-0",
  pod_uid: "u",
  container: "app",
  container_id: "c",
  image_name: "web:1",
  image_id: "sha256:1"
}

const without = (key: keyof PodIdentity): PodIdentity => {
  const { [key]: _, ...rest } = whole
  return rest
}

describe("addIdentity", () => {
  it.each<readonly [string, PodIdentity, PodIdentity, PodIdentity | undefined]>([
    ["nothing to nothing", {}, {}, {}],
    ["to nothing", {}, { namespace: "shop" }, { namespace: "shop" }],
    ["nothing", { namespace: "shop" }, {}, { namespace: "shop" }],
    ["more", { namespace: "shop", pod: "web-0" }, whole, whole],
    ["another image's name: the first stays", { image_name: "web:0" }, whole, { ...whole, image_name: "web:0" }],
    ["another namespace", { namespace: "bank", pod: "web-0" }, whole, undefined],
    ["another pod", { namespace: "shop", pod: "web-1" }, whole, undefined],
    ["another pod of the same name", { namespace: "shop", pod: "web-0", pod_uid: "v" }, whole, undefined],
    ["another container", { ...whole, container: "sidecar" }, whole, undefined]
  ])("%s", (_, known, found, expected) => assert.deepStrictEqual(addIdentity(known, found), expected))
})

describe("isComplete", () => {
  it.each<readonly [string, typeof cgroup | { podUid: string }, PodIdentity, boolean]>([
    ["nothing", cgroup, {}, false],
    ["all", cgroup, whole, true],
    ["no image's id", cgroup, without("image_id"), false],
    ["no container", cgroup, without("container"), false],
    ["the pod of a process in no container", { podUid: "u" }, { namespace: "shop", pod: "web-0" }, false],
    ["and its workload", { podUid: "u" }, { namespace: "shop", pod: "web-0", workload: "StatefulSet/web" }, true]
  ])("%s", (_, of, identity, expected) => assert.strictEqual(isComplete(of, identity), expected))
})

describe("podFacts", () => {
  const fromCgroup = { pod_uid: "u", container_id: "c" }
  it.each([
    ["no pod", undefined, { cgroup, identity: whole }, {}],
    ["the cgroup alone", cgroup, undefined, fromCgroup],
    ["what was found out", cgroup, { cgroup, identity: { namespace: "shop" } }, { ...fromCgroup, namespace: "shop" }],
    ["a static pod's own uid", cgroup, { cgroup, identity: { pod_uid: "api" } }, { pod_uid: "api", container_id: "c" }],
    ["what was found out of another container", cgroup, {
      cgroup: { podUid: "u", containerId: "d" },
      identity: whole
    }, fromCgroup],
    ["the pod's own cgroup", { podUid: "u" }, undefined, { pod_uid: "u" }]
  ])("%s", (_, of, known, expected) => assert.deepStrictEqual(podFacts(of, known), expected))
})
