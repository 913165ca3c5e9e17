import { assert, describe, it } from "@effect/vitest"
import { isConmonCgroup, parseConmon, parseContainerLog, parseLogPath, parsePodLogs } from "../../src/pods/podNames.ts"

const id = "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
const uid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const hash = "7260904bbd08e72e4dff95d9fccd2ee8"

describe("parseContainerLog", () => {
  it.each([
    ["web-7d4b9c6f5d-x2k8p", "shop", "app"],
    ["kube-apiserver-node-1.example.com", "kube-system", "kube-apiserver"],
    ["a", "b", "c"],
    ["db-0", "shop", `app-${"0".repeat(50)}`]
  ])(
    "parses pod %s in namespace %s",
    (pod, namespace, container) =>
      assert.deepStrictEqual(parseContainerLog(`${pod}_${namespace}_${container}-${id}.log`), {
        key: id,
        identity: { namespace, pod, container }
      })
  )

  it.each([
    `web_shop_app-${id}`,
    `web_shop_app-${id.slice(1)}.log`,
    `web_shop_app-${id.toUpperCase()}.log`,
    `web_shop-${id}.log`,
    `web_shop_app_more-${id}.log`,
    `_shop_app-${id}.log`,
    `../x_shop_app-${id}.log`,
    `Web_shop_app-${id}.log`,
    `web_sh.op_app-${id}.log`,
    `web_${"x".repeat(64)}_app-${id}.log`,
    ""
  ])("rejects %j", (name) => assert.isUndefined(parseContainerLog(name)))
})

describe("parsePodLogs", () => {
  it.each([
    ["shop", "web-7d4b9c6f5d-x2k8p", uid],
    ["kube-system", "etcd-node-1.example.com", hash]
  ])(
    "parses pod %s/%s",
    (namespace, pod, key) =>
      assert.deepStrictEqual(parsePodLogs(`${namespace}_${pod}_${key}`), { key, identity: { namespace, pod } })
  )

  it.each([uid, `web_${uid}`, `shop_web_${uid}0`, `shop_web_more_${uid}`, "shop_web_", "."])(
    "rejects %j",
    (name) => assert.isUndefined(parsePodLogs(name))
  )
})

it.each([
  [`/var/log/pods/shop_web_${uid}/app/0.log`, uid],
  [`/var/log/pods/kube-system_etcd-node-1_${hash}/etcd/3.log`, hash],
  ["/var/lib/docker/containers/x/x-json.log", undefined],
  ["", undefined]
])("parseLogPath %s", (target, expected) => assert.strictEqual(parseLogPath(target), expected))

const conmon = (name: string, container = id) => [
  "/usr/bin/conmon",
  "-b",
  "/run/containers/storage/overlay-containers/x/userdata",
  "-c",
  container,
  "--exit-dir",
  "/var/run/crio/exits",
  "-n",
  name,
  "-s",
  ""
]

describe("parseConmon", () => {
  it("parses the container of a monitor", () =>
    assert.deepStrictEqual(parseConmon(conmon(`k8s_app_web-0_shop_${uid}_12`)), {
      key: id,
      podUid: uid,
      identity: { namespace: "shop", pod: "web-0", container: "app" }
    }))

  it.each<readonly [string, ReadonlyArray<string>]>([
    ["another program", ["/bin/sh", ...conmon(`k8s_app_web_shop_${uid}_0`).slice(1)]],
    ["a name without pod", conmon("podman-thing")],
    ["a name with more parts", conmon(`k8s_app_web_shop_more_${uid}_0`)],
    ["an invalid container ID", conmon(`k8s_app_web_shop_${uid}_0`, "../../etc")],
    ["two names", [...conmon(`k8s_app_web_shop_${uid}_0`), "-n", `k8s_app_web_bank_${uid}_0`]],
    ["no arguments", []]
  ])("rejects %s", (_, args) => assert.isUndefined(parseConmon(args)))
})

describe("isConmonCgroup", () => {
  const pod = `/kubepods.slice/kubepods-pod${uid.replaceAll("-", "_")}.slice`
  const other = "0".repeat(64)
  it.each([
    ["its own scope", `0::/system.slice/crio-conmon-${id}.scope`, true],
    ["its own scope in the pod's slice", `0::${pod}/crio-conmon-${id}.scope`, true],
    ["cgroupfs", `0::/kubepods/burstable/pod${uid}/crio-conmon-${id}`, true],
    ["CRI-O's service", "0::/system.slice/crio.service", true],
    [
      "several hierarchies",
      `3:memory:/system.slice/crio.service\n1:name=systemd:${pod}/crio-conmon-${id}.scope\n`,
      true
    ],
    ["a container", `0::${pod}/crio-${id}.scope`, false],
    ["a pod without container", `0::${pod}`, false],
    ["the monitor of another container", `0::${pod}/crio-conmon-${other}.scope`, false],
    [
      "a cgroup with the name of a monitor, in a container",
      `0::${pod}/crio-${other}.scope/crio-conmon-${id}.scope`,
      false
    ],
    [
      "a cgroup with the name of a monitor, in a container outside of pods",
      `0::/system.slice/docker-${other}.scope/crio-conmon-${id}.scope`,
      false
    ],
    ["a container outside of pods", `0::/docker/${other}`, false],
    ["a container in one of two hierarchies", `2:cpu:/system.slice/crio.service\n0::${pod}/crio-${id}.scope`, false],
    ["no cgroups", "", false]
  ])("%s", (_, cgroups, expected) => assert.strictEqual(isConmonCgroup(cgroups, id), expected))
})
