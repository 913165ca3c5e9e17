import { assert, describe, it } from "@effect/vitest"
import { deployedOf, type KoredumpPod, whyNotReady } from "../../src/status/Deployment.ts"
import { pod } from "../pods.ts"

const waiting = (reason: string) => ({ state: { waiting: { reason } } })
const terminated = (reason: string) => ({ state: { terminated: { reason } } })
const running = { state: {} }
const unready = [{ type: "Ready", status: "False", reason: "ContainersNotReady" }]

describe("whyNotReady", () => {
  it.each<[string, KoredumpPod["status"], string | undefined]>([
    ["ready", { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }, undefined],
    [
      "no image",
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
      "an init container that is done",
      {
        phase: "Pending",
        conditions: unready,
        initContainerStatuses: [terminated("Completed")],
        containerStatuses: [waiting("PodInitializing")]
      },
      "PodInitializing"
    ],
    [
      "one of two containers",
      { conditions: unready, containerStatuses: [waiting("ContainerCreating"), waiting("ErrImagePull")] },
      "ErrImagePull"
    ],
    [
      "a container that has just ended",
      { phase: "Running", conditions: unready, containerStatuses: [terminated("OOMKilled")] },
      "OOMKilled"
    ],
    [
      "no node for it",
      { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] },
      "Unschedulable"
    ],
    [
      "a readiness probe that fails",
      { phase: "Running", conditions: unready, containerStatuses: [running] },
      "it runs, but does not say that it is ready"
    ],
    ["nothing known yet", { phase: "Pending" }, "Pending"],
    ["nothing at all", {}, "unknown"]
  ])("%s", (_, status, expected) => {
    assert.strictEqual(whyNotReady({ metadata: { name: "a" }, spec: {}, status }), expected)
  })
})

describe("deployedOf", () => {
  const from = { server: "https://kubernetes.example", namespace: "koredump" }

  it("counts, and says the same trouble of several pods once", () => {
    const deployed = deployedOf(from, [pod("api-1"), pod("api-2", { why: "ErrImagePull" })], [
      pod("node-1", { node: "worker-1" }),
      pod("node-2", { node: "worker-2", why: "CrashLoopBackOff" }),
      pod("node-3", { node: "worker-3", why: "CrashLoopBackOff" })
    ])
    assert.deepStrictEqual(deployed, {
      ...from,
      releases: Array.from({ length: 5 }, () => "koredump"),
      charts: Array.from({ length: 5 }, () => "koredump-0.4.0"),
      apiPods: { total: 2, ready: 1 },
      nodePods: { total: 3, ready: 1 },
      troubles: [
        {
          pods: ["api-2"],
          nodes: [],
          what: "not ready: ErrImagePull",
          advice: "See: kubectl describe pod -n koredump api-2"
        },
        {
          pods: ["node-2", "node-3"],
          nodes: ["worker-2", "worker-3"],
          what: "not ready: CrashLoopBackOff",
          advice: "See: kubectl describe pod -n koredump node-2"
        }
      ]
    })
  })

  it("leaves out pods that go or are gone", () => {
    const gone = [
      pod("going", { why: "Error", deletionTimestamp: "2023-11-14T22:13:20Z" }),
      pod("evicted", { why: "Evicted", phase: "Failed" }),
      pod("done", { why: "Completed", phase: "Succeeded" })
    ]
    const { apiPods, nodePods, releases, troubles } = deployedOf(from, gone, [])
    assert.deepStrictEqual({ apiPods, nodePods, releases, troubles }, {
      apiPods: { total: 0, ready: 0 },
      nodePods: { total: 0, ready: 0 },
      releases: [],
      troubles: []
    })
  })
})
