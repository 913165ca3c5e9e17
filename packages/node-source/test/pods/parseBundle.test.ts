import { assert, describe, it } from "@effect/vitest"
import { parseBundle } from "../../src/pods/parseBundle.ts"

const cgroup = { podUid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf", containerId: "a".repeat(64) }

const crio = {
  "io.kubernetes.pod.namespace": "shop",
  "io.kubernetes.pod.name": "web-0",
  "io.kubernetes.pod.uid": cgroup.podUid,
  "io.kubernetes.container.name": "app",
  "io.kubernetes.cri-o.ContainerType": "container",
  "io.kubernetes.cri-o.ImageName": "quay.io/shop/web:1.2",
  "io.kubernetes.cri-o.Labels": "{}"
}
const containerd = {
  "io.kubernetes.cri.sandbox-namespace": "shop",
  "io.kubernetes.cri.sandbox-name": "web-0",
  "io.kubernetes.cri.sandbox-uid": cgroup.podUid,
  "io.kubernetes.cri.sandbox-id": "b".repeat(64),
  "io.kubernetes.cri.container-name": "app",
  "io.kubernetes.cri.container-type": "container",
  "io.kubernetes.cri.image-name": "quay.io/shop/web:1.2"
}
const whole = { namespace: "shop", pod: "web-0", container: "app", image_name: "quay.io/shop/web:1.2" }
const names = { namespace: "shop", pod: "web-0" }

describe("parseBundle", () => {
  it.each<readonly [string, object, object]>([
    ["CRI-O", crio, whole],
    ["containerd", containerd, whole],
    ["an older containerd, without UID", { ...containerd, "io.kubernetes.cri.sandbox-uid": undefined }, whole],
    ["both with the same values", { ...crio, ...containerd }, whole],
    ["another pod", { ...crio, "io.kubernetes.pod.uid": "0".repeat(32) }, {}],
    ["CRI-O's sandbox", { ...crio, "io.kubernetes.cri-o.ContainerType": "sandbox" }, names],
    ["containerd's sandbox", { ...containerd, "io.kubernetes.cri.container-type": "sandbox" }, names],
    ["two different namespaces", { ...crio, "io.kubernetes.cri.sandbox-namespace": "bank" }, {}],
    ["no namespace", { ...crio, "io.kubernetes.pod.namespace": undefined }, {}],
    ["an invalid namespace", { ...crio, "io.kubernetes.pod.namespace": "Shop\n" }, {}],
    ["an invalid container", { ...crio, "io.kubernetes.container.name": "a_b" }, {
      ...names,
      image_name: whole.image_name
    }],
    ["an invalid image", { ...crio, "io.kubernetes.cri-o.ImageName": "a b" }, { ...names, container: "app" }],
    ["a value that is not a string", { ...crio, "io.kubernetes.pod.name": 7 }, {}],
    ["other annotations only", { "org.example": "x" }, {}]
  ])(
    "%s",
    (_, annotations, expected) =>
      assert.deepStrictEqual(parseBundle(JSON.stringify({ ociVersion: "1.0.2", annotations }), cgroup), expected)
  )

  it.each(["", "null", "{}", "[1]", "{\"annotations\":[]}", "{\"annotations\":"])(
    "is empty for %j",
    (json) => assert.deepStrictEqual(parseBundle(json, cgroup), {})
  )
})
