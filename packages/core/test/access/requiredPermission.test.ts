import { assert, describe, it } from "@effect/vitest"
import { type AccessTarget, requiredPermission } from "../../src/access/requiredPermission.ts"

const everywhere: AccessTarget = { resource: "coredumps" }
const node: AccessTarget = { resource: "nodecoredumps" }
const shop: AccessTarget = { resource: "coredumps", namespace: "shop" }
const pod = "/kubepods/burstable/pod4a163a05-439d-484b-8e53-2968bc15824f/cde6dfaf"

describe("requiredPermission", () => {
  it.each<[string, Parameters<typeof requiredPermission>[0], AccessTarget]>([
    ["a core of a pod with known namespace", { namespace: "shop", pod_uid: "u", COREDUMP_CGROUP: pod }, shop],
    ["only a namespace", { namespace: "shop" }, shop],
    ["a namespace and a cgroup of the host", { namespace: "shop", COREDUMP_CGROUP: "/system.slice/x.service" }, shop],
    ["a service of the host", { COREDUMP_CGROUP: "/system.slice/x.service" }, node],
    ["a process of the host in no service", { COREDUMP_CGROUP: "/" }, node],
    ["a pending core without any information", {}, everywhere],
    ["a cgroup of a pod with unknown namespace", { COREDUMP_CGROUP: pod }, everywhere],
    [
      "a pod UID and a cgroup of the host",
      { pod_uid: "u", COREDUMP_CGROUP: "/system.slice/x.service" },
      everywhere
    ],
    ["a pod UID and no cgroup", { pod_uid: "u" }, everywhere],
    ["an empty namespace", { namespace: "" }, everywhere],
    ["an empty cgroup", { COREDUMP_CGROUP: "" }, everywhere],
    ["a cgroup that is not a path", { COREDUMP_CGROUP: "system.slice" }, everywhere]
  ])("decides for %s", (_, core, expected) => assert.deepStrictEqual(requiredPermission(core), expected))
})
