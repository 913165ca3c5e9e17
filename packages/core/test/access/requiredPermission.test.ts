import { assert, describe, it } from "@effect/vitest"
import { type AccessTarget, requiredPermission } from "../../src/access/requiredPermission.ts"

const everywhere: AccessTarget = { resource: "coredumps" }
const node: AccessTarget = { resource: "nodecoredumps" }
const shop: AccessTarget = { resource: "coredumps", namespace: "shop" }
const pod = "/kubepods/burstable/pod4a163a05-439d-484b-8e53-2968bc15824f/cde6dfaf"

describe("requiredPermission", () => {
  it.each<[string, Parameters<typeof requiredPermission>[0], AccessTarget]>([
    ["a pod's, namespace known", { namespace: "shop", pod_uid: "u", COREDUMP_CGROUP: pod }, shop],
    ["a namespace, nothing else", { namespace: "shop" }, shop],
    ["a namespace, and a cgroup of the host", { namespace: "shop", COREDUMP_CGROUP: "/system.slice/x.service" }, shop],
    ["a service of the host", { COREDUMP_CGROUP: "/system.slice/x.service" }, node],
    ["a process of the host outside of any service", { COREDUMP_CGROUP: "/" }, node],
    ["pending: nothing is known", {}, everywhere],
    ["a pod's cgroup, its namespace not known (yet)", { COREDUMP_CGROUP: pod }, everywhere],
    [
      "a pod's uid beside a cgroup of the host",
      { pod_uid: "u", COREDUMP_CGROUP: "/system.slice/x.service" },
      everywhere
    ],
    ["no cgroup, a pod's uid", { pod_uid: "u" }, everywhere],
    ["an empty namespace", { namespace: "" }, everywhere],
    ["an empty cgroup", { COREDUMP_CGROUP: "" }, everywhere],
    ["no path for a cgroup", { COREDUMP_CGROUP: "system.slice" }, everywhere]
  ])("%s", (_, core, expected) => assert.deepStrictEqual(requiredPermission(core), expected))
})
