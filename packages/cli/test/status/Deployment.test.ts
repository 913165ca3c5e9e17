import { assert, describe, it } from "@effect/vitest"
import { findNotReadyReason, type KoredumpPod, toDeployment } from "../../src/status/Deployment.ts"
import { pod } from "../pods.ts"

const waiting = (reason: string) => ({ state: { waiting: { reason } } })
const terminated = (reason: string) => ({ state: { terminated: { reason } } })
const running = { state: {} }
const unready = [{ type: "Ready", status: "False", reason: "ContainersNotReady" }]

describe("findNotReadyReason", () => {
  it.each<[string, KoredumpPod["status"], string | undefined]>([
    ["ready", { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }, undefined],
    [
      "an image that cannot be pulled",
      { phase: "Pending", conditions: unready, containerStatuses: [waiting("ImagePullBackOff")] },
      "ImagePullBackOff"
    ],
    [
      "an init container that fails",
      {
        phase: "Pending",
        conditions: unready,
        initContainerStatuses: [waiting("CrashLoopBackOff")],
        containerStatuses: [waiting("PodInitializing")]
      },
      "CrashLoopBackOff"
    ],
    [
      "an init container that has finished",
      {
        phase: "Pending",
        conditions: unready,
        initContainerStatuses: [terminated("Completed")],
        containerStatuses: [waiting("PodInitializing")]
      },
      "PodInitializing"
    ],
    [
      "one of two containers that fails",
      { conditions: unready, containerStatuses: [waiting("ContainerCreating"), waiting("ErrImagePull")] },
      "ErrImagePull"
    ],
    [
      "a container that has just terminated",
      { phase: "Running", conditions: unready, containerStatuses: [terminated("OOMKilled")] },
      "OOMKilled"
    ],
    [
      "a pod that cannot be scheduled",
      { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
      "Unschedulable"
    ],
    [
      "a readiness probe that fails",
      { phase: "Running", conditions: unready, containerStatuses: [running] },
      "its readiness probe has not succeeded"
    ],
    ["a pod with only a phase", { phase: "Pending" }, "Pending"],
    ["a pod without status", {}, "unknown"]
  ])("%s", (_, status, expected) => {
    assert.strictEqual(findNotReadyReason({ metadata: { name: "a" }, spec: {}, status }), expected)
  })
})

describe("toDeployment", () => {
  const location = { server: "https://kubernetes.example", namespace: "koredump" }

  it.each(["a; id", "--kubeconfig=x", "a b", ""])("gives no command to copy for a pod that is named %j", (name) => {
    const { issues: [issue] } = toDeployment(location, [pod(name, { why: "ErrImagePull" })], [])
    assert.deepStrictEqual(issue, { pods: [name], nodes: [], description: "not ready: ErrImagePull" })
  })

  it("counts the pods, and reports the same issue of several pods once", () => {
    const deployed = toDeployment(location, [pod("api-1"), pod("api-2", { why: "ErrImagePull" })], [
      pod("node-1", { node: "worker-1" }),
      pod("node-2", { node: "worker-2", why: "CrashLoopBackOff" }),
      pod("node-3", { node: "worker-3", why: "CrashLoopBackOff" })
    ])
    assert.deepStrictEqual(deployed, {
      ...location,
      releases: Array.from({ length: 5 }, () => "koredump"),
      charts: Array.from({ length: 5 }, () => "koredump-0.4.0"),
      apiPods: { total: 2, ready: 1 },
      nodePods: { total: 3, ready: 1 },
      issues: [
        {
          pods: ["api-2"],
          nodes: [],
          description: "not ready: ErrImagePull",
          hint: "See: kubectl describe pod -n koredump api-2"
        },
        {
          pods: ["node-2", "node-3"],
          nodes: ["worker-2", "worker-3"],
          description: "not ready: CrashLoopBackOff",
          hint: "See: kubectl describe pod -n koredump node-2"
        }
      ]
    })
  })

  it("ignores pods that are being deleted or have ended", () => {
    const inactive = [
      pod("going", { why: "Error", deletionTimestamp: "2023-11-14T22:13:20Z" }),
      pod("evicted", { why: "Evicted", phase: "Failed" }),
      pod("done", { why: "Completed", phase: "Succeeded" })
    ]
    const { apiPods, nodePods, releases, issues } = toDeployment(location, inactive, [])
    assert.deepStrictEqual({ apiPods, nodePods, releases, issues }, {
      apiPods: { total: 0, ready: 0 },
      nodePods: { total: 0, ready: 0 },
      releases: [],
      issues: []
    })
  })
})
