import { assert, describe, it } from "@effect/vitest"
import { isPodCgroup, parsePodCgroup } from "@koredump/core"

const id = "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
const uid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const uid_ = uid.replaceAll("-", "_")

// The formats of the design's table "Cgroup formats of pods"
describe("parsePodCgroup", () => {
  it.each([
    [
      "containerd, systemd driver",
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid_}.slice/cri-containerd-${id}.scope`
    ],
    ["guaranteed: no level for the QoS", `/kubepods.slice/kubepods-pod${uid_}.slice/cri-containerd-${id}.scope`],
    ["containerd, cgroupfs driver", `/kubepods/burstable/pod${uid}/${id}`],
    ["CRI-O, systemd driver", `/kubepods.slice/kubepods-burstable-pod${uid_}.slice/crio-${id}.scope`],
    [
      "CRI-O with crun: a level below",
      `/kubepods.slice/kubepods-burstable-pod${uid_}.slice/crio-${id}.scope/container`
    ],
    ["CRI-O, cgroupfs driver", `/kubepods/pod${uid}/crio-${id}`],
    ["Docker", `/kubepods.slice/kubepods-besteffort-pod${uid_}.slice/docker-${id}.scope`],
    [
      "kind: the kubelet's own prefix",
      `/docker/8afe/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${uid_}.slice/cri-containerd-${id}.scope`
    ],
    ["kubepods twice", `/kubepods/kubepods/besteffort/pod${uid}/${id}`],
    ["a --cgroup-root", `/kn/node-1/kubepods/besteffort/pod${uid}/${id}`],
    ["runc's colon form", `/kubepods-besteffort-pod${uid_}.slice:cri-containerd:${id}`],
    ["systemd in the pod", `/kubepods/burstable/pod${uid}/${id}/system.slice/app.service`],
    ["a line of v1", `11:blkio:/kubepods.slice/kubepods-pod${uid_}.slice/cri-containerd-${id}.scope`],
    [
      "a pod in a pod: the outermost",
      `/kubepods/burstable/pod${uid}/${id}/kubepods/pod00000000-0000-0000-0000-000000000000/${"0".repeat(64)}`
    ]
  ])("%s", (_, path) => assert.deepStrictEqual(parsePodCgroup(path), { podUid: uid, containerId: id }))

  it("a static pod's uid is the hash of its configuration", () =>
    assert.deepStrictEqual(
      parsePodCgroup(
        `/kubepods.slice/kubepods-burstable-pod7260904bbd08e72e4dff95d9fccd2ee8.slice/cri-containerd-${id}.scope`
      ),
      { podUid: "7260904bbd08e72e4dff95d9fccd2ee8", containerId: id }
    ))

  it("the pod's own cgroup has no container", () =>
    assert.deepStrictEqual(parsePodCgroup(`/kubepods/burstable/pod${uid}`), { podUid: uid }))

  it.each([
    ["a service", "/system.slice/nginx.service"],
    ["a container of no pod", `/system.slice/docker-${id}.scope`],
    ["the kubelet's root alone", "/kubepods.slice"],
    ["CRI-O's monitor", `/kubepods.slice/kubepods-burstable-pod${uid_}.slice/crio-conmon-${id}.scope`],
    ["something like a uid", "/kubepods/burstable/pod1234"],
    ["nothing", ""]
  ])("none: %s", (_, path) => assert.isUndefined(parsePodCgroup(path)))
})

it("isPodCgroup", () => {
  assert.isTrue(isPodCgroup("/kubepods.slice"))
  assert.isFalse(isPodCgroup("/system.slice/system-systemd\\x2dcoredump.slice/systemd-coredump@0-1-0.service"))
})
