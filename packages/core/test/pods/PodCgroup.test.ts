import { assert, describe, it } from "@effect/vitest"
import { isPodCgroup, parsePodCgroup, parsePodCgroups } from "@koredump/core"

const id = "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
const uid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const uid_ = uid.replaceAll("-", "_")

/** Pads samples whose end is unknown with their last digit. */
const fill = (beginning: string, length = 64) => beginning.padEnd(length, beginning.at(-1))

// Real paths, with the pod UID and the container ID.
const samples: ReadonlyArray<readonly [string, string, string, string]> = [
  [
    "containerd, systemd driver, burstable (EKS)",
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-poddde1244b_5bb5_4297_b544_85f3bc0d80bf.slice/cri-containerd-acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c.scope",
    "dde1244b-5bb5-4297-b544-85f3bc0d80bf",
    "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
  ],
  [
    "guaranteed: no QoS level; a cgroup v1 line",
    `11:blkio:/kubepods.slice/kubepods-pod019c1fe8_0d92_4aa0_b61c_4df58bdde71c.slice/cri-containerd-${
      fill("9e07")
    }.scope`,
    "019c1fe8-0d92-4aa0-b61c-4df58bdde71c",
    fill("9e07")
  ],
  [
    "containerd, cgroupfs driver (GKE)",
    "/kubepods/burstable/pod4a163a05-439d-484b-8e53-2968bc15824f/cde6dfaf5007ed65aad2d6aed72af91b0f3d95813492f773286e29ae145d20f4",
    "4a163a05-439d-484b-8e53-2968bc15824f",
    "cde6dfaf5007ed65aad2d6aed72af91b0f3d95813492f773286e29ae145d20f4"
  ],
  [
    "static pod: the hash of its configuration",
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7260904bbd08e72e4dff95d9fccd2ee8.slice/cri-containerd-${
      fill("d366")
    }.scope`,
    "7260904bbd08e72e4dff95d9fccd2ee8",
    fill("d366")
  ],
  [
    "CRI-O, systemd driver",
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod30cea2cf_1b80_4807_abad_d81453e199c5.slice/crio-a8077b08a56c0c6e33d6716557d882ac940cb09475c50372e22e84c40d0733f2.scope",
    "30cea2cf-1b80-4807-abad-d81453e199c5",
    "a8077b08a56c0c6e33d6716557d882ac940cb09475c50372e22e84c40d0733f2"
  ],
  [
    "CRI-O with crun on v2: a level below (MicroShift)",
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod73dc8baf_1111_4222_8333_444444444444.slice/crio-${
      fill("f52987fb")
    }.scope/container`,
    "73dc8baf-1111-4222-8333-444444444444",
    fill("f52987fb")
  ],
  [
    "CRI-O, cgroupfs driver: no .scope",
    `/kubepods/podb53d1111-1111-4222-8333-444444444444/crio-${id}`,
    "b53d1111-1111-4222-8333-444444444444",
    id
  ],
  ["CRI-O, the sandbox container", `/kubepods.slice/kubepods-pod${uid_}.slice/crio-${id}`, uid, id],
  ["Docker", `/kubepods.slice/kubepods-besteffort-pod${uid_}.slice/docker-${id}.scope`, uid, id],
  [
    "kind: the cgroup of the kubelet below that of Docker",
    `/docker/${
      fill("8afe")
    }/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod44c71111_1111_4222_8333_444444444444.slice/cri-containerd-${
      fill("40c0")
    }.scope`,
    "44c71111-1111-4222-8333-444444444444",
    fill("40c0")
  ],
  [
    "kubepods twice (Docker Desktop)",
    `/kubepods/kubepods/besteffort/pod6bd2a4d3-1111-4222-8333-444444444444/${fill("a55d")}`,
    "6bd2a4d3-1111-4222-8333-444444444444",
    fill("a55d")
  ],
  [
    "runc's colon form",
    `/kubepods-besteffort-pod72f71111_1111_4222_8333_444444444444.slice:cri-containerd:${fill("b2a1")}`,
    "72f71111-1111-4222-8333-444444444444",
    fill("b2a1")
  ]
]

describe("parsePodCgroup", () => {
  it.each(samples)(
    "%s",
    (_, path, podUid, containerId) => assert.deepStrictEqual(parsePodCgroup(path), { podUid, containerId })
  )

  it.each([
    ["a --cgroup-root", `/kn/node-1/kubepods/besteffort/pod${uid}/${id}`],
    ["systemd in the pod", `/kubepods/burstable/pod${uid}/${id}/system.slice/app.service`],
    ["CRI-O, cgroupfs driver, and crun", `/kubepods/burstable/pod${uid}/crio-${id}/container`],
    ["a podman container", `/kubepods/burstable/pod${uid}/libpod-${id}`],
    [
      "a pod in a pod: the outermost one",
      `/kubepods/burstable/pod${uid}/${id}/kubepods/pod00000000-0000-0000-0000-000000000000/${"0".repeat(64)}`
    ],
    [
      "kind in a pod: the outermost one",
      `/kubepods.slice/kubepods-pod${uid_}.slice/cri-containerd-${id}.scope/docker/${
        "1".repeat(64)
      }/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod00000000_0000_0000_0000_000000000000.slice/cri-containerd-${
        "0".repeat(64)
      }.scope`
    ]
  ])("%s", (_, path) => assert.deepStrictEqual(parsePodCgroup(path), { podUid: uid, containerId: id }))

  it("the cgroup of the pod itself has no container", () =>
    assert.deepStrictEqual(parsePodCgroup(`/kubepods/burstable/pod${uid}`), { podUid: uid }))

  it.each([
    ["a service", "/system.slice/nginx.service"],
    ["a container without a pod", `/system.slice/docker-${id}.scope`],
    ["a pod outside of the root of the kubelet", `/user.slice/pod${uid}/${id}`],
    ["the root of the kubelet", "/kubepods.slice"],
    ["the CRI-O monitor", `/kubepods.slice/kubepods-burstable-pod${uid_}.slice/crio-conmon-${id}.scope`],
    ["the CRI-O monitor outside of the pod", `/system.slice/crio-conmon-${id}.scope`],
    ["an invalid UID", "/kubepods/burstable/pod1234"],
    ["an empty path", ""]
  ])("finds no pod: %s", (_, path) => assert.isUndefined(parsePodCgroup(path)))
})

describe("parsePodCgroups", () => {
  const pod = `/kubepods/burstable/pod${uid}`
  const other = `/kubepods/burstable/pod00000000-0000-0000-0000-000000000000/${id}`
  const found = { podUid: uid, containerId: id }

  it.each([
    ["no paths", [], undefined],
    ["no path of a pod", ["/", "/system.slice/a.service"], undefined],
    ["equal paths", [`${pod}/${id}`, `${pod}/${id}`], found],
    [
      "different forms of the same path",
      [`${pod}/${id}`, `/kubepods.slice/kubepods-pod${uid_}.slice/crio-${id}.scope`],
      found
    ],
    ["hierarchies without the pod", ["/", `${pod}/${id}`, "/system.slice/containerd.service"], found],
    ["the cgroup of the pod itself in one hierarchy", [pod, `${pod}/${id}`], found],
    ["the cgroup of the monitor in one hierarchy", [`${pod}/crio-conmon-${id}`, `${pod}/crio-${id}`], found],
    ["only the cgroup of the pod", [pod, pod], { podUid: uid }],
    ["two pods", [`${pod}/${id}`, other], undefined],
    ["two pods, one without a container", [pod, other], undefined],
    ["two containers of a pod", [`${pod}/${id}`, `${pod}/${"0".repeat(64)}`], undefined]
  ])("%s", (_, paths, expected) => assert.deepStrictEqual(parsePodCgroups(paths), expected))
})

it("isPodCgroup is true below the root of the kubelet only", () => {
  assert.isTrue(isPodCgroup("/kubepods.slice"))
  assert.isFalse(isPodCgroup("/system.slice/system-systemd\\x2dcoredump.slice/systemd-coredump@0-1-0.service"))
})
