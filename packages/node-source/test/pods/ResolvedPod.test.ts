import { assert, describe, it } from "@effect/vitest"
import type { PodIdentity } from "@koredump/core"
import { addAnswer, isComplete, toPodFields } from "../../src/pods/ResolvedPod.ts"

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

describe("addAnswer", () => {
  it.each<readonly [string, PodIdentity, PodIdentity, PodIdentity | undefined]>([
    ["an empty answer to an empty identity", {}, {}, {}],
    ["an answer to an empty identity", {}, { namespace: "shop" }, { namespace: "shop" }],
    ["an empty answer", { namespace: "shop" }, {}, { namespace: "shop" }],
    ["an answer with more fields", { namespace: "shop", pod: "web-0" }, whole, whole],
    ["another image name: the first one stays", { image_name: "web:0" }, whole, { ...whole, image_name: "web:0" }],
    ["another namespace: contradiction", { namespace: "bank", pod: "web-0" }, whole, undefined],
    ["another pod: contradiction", { namespace: "shop", pod: "web-1" }, whole, undefined],
    ["another pod UID: contradiction", { namespace: "shop", pod: "web-0", pod_uid: "v" }, whole, undefined],
    ["another container: contradiction", { ...whole, container: "sidecar" }, whole, undefined]
  ])("%s", (_, known, answer, expected) => assert.deepStrictEqual(addAnswer(known, answer), expected))
})

describe("isComplete", () => {
  it.each<readonly [string, typeof cgroup | { podUid: string }, PodIdentity, boolean]>([
    ["an empty identity", cgroup, {}, false],
    ["all fields", cgroup, whole, true],
    ["no image ID", cgroup, without("image_id"), false],
    ["no container", cgroup, without("container"), false],
    ["a pod without container and workload", { podUid: "u" }, { namespace: "shop", pod: "web-0" }, false],
    ["a pod without container, with workload", { podUid: "u" }, {
      namespace: "shop",
      pod: "web-0",
      workload: "StatefulSet/web"
    }, true]
  ])("%s", (_, cgroup, identity, expected) => assert.strictEqual(isComplete(cgroup, identity), expected))
})

describe("toPodFields", () => {
  const fromCgroup = { pod_uid: "u", container_id: "c" }
  it.each([
    ["no pod", undefined, { cgroup, identity: whole }, {}],
    ["only the cgroup", cgroup, undefined, fromCgroup],
    ["a resolved identity", cgroup, { cgroup, identity: { namespace: "shop" } }, { ...fromCgroup, namespace: "shop" }],
    ["a static pod with another UID in the API", cgroup, { cgroup, identity: { pod_uid: "api" } }, {
      pod_uid: "api",
      container_id: "c"
    }],
    ["an identity of another container", cgroup, {
      cgroup: { podUid: "u", containerId: "d" },
      identity: whole
    }, fromCgroup],
    ["the cgroup of the pod itself", { podUid: "u" }, undefined, { pod_uid: "u" }]
  ])("%s", (_, cgroup, pod, expected) => assert.deepStrictEqual(toPodFields(cgroup, pod), expected))
})
