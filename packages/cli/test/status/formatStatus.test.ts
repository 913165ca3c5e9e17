import { assert, describe, it } from "@effect/vitest"
import { type Deployment, toDeployment } from "../../src/status/Deployment.ts"
import { formatStatus, type StatusReport, toStatusValue } from "../../src/status/formatStatus.ts"
import { CommandError } from "../../src/text/CommandError.ts"
import { pod } from "../pods.ts"

const serverStatus: StatusReport["status"] = {
  millis: 12,
  nodes: [],
  nodesUnavailableReason: undefined,
  unreachable: [],
  cores: 0,
  bytes: 0,
  issues: [{ nodes: ["worker-1"], description: "unreachable" }]
}

const report = (kubernetes: StatusReport["kubernetes"], fields: Partial<StatusReport> = {}): StatusReport => ({
  server: "https://koredump.example",
  serverVersion: "0.4.0",
  version: "0.5.0",
  status: serverStatus,
  kubernetes,
  ...fields
})

const deploy = (
  ...pods: Parameters<typeof toDeployment> extends [unknown, ...infer Rest] ? Rest : never
): Deployment => toDeployment({ server: "https://10.0.0.1:6443", namespace: "koredump" }, ...pods)

const deployment = deploy([pod("api-1"), pod("api-2")], [
  pod("node-1", { node: "worker-1" }),
  pod("node-2", { node: "worker-2", why: "ImagePullBackOff" })
])

const error = new CommandError({ exitCode: 1, message: "Cannot reach https://koredump.example." })

describe("formatStatus", () => {
  it("shows release, chart and pods", () => {
    assert.strictEqual(
      formatStatus(report(deployment), false),
      `
       Server: https://koredump.example, version 0.4.0, answered in 12 ms
  koredumpctl: 0.5.0
   Kubernetes: https://10.0.0.1:6443, namespace koredump
      Release: koredump (chart koredump-0.4.0)
     API pods: 2 of 2 ready
    Node pods: 1 of 2 ready
        Nodes: none
        Cores: 0, 0 B

Problems:
- worker-1: unreachable.
- pod node-2: not ready: ImagePullBackOff.
  See: kubectl describe pod -n koredump node-2`.slice(1)
    )
  })

  it("shows them if the server is not usable", () => {
    assert.strictEqual(
      formatStatus(report(deployment, { status: error, serverVersion: undefined }), false),
      `
       Server: https://koredump.example, not usable
  koredumpctl: 0.5.0
   Kubernetes: https://10.0.0.1:6443, namespace koredump
      Release: koredump (chart koredump-0.4.0)
     API pods: 2 of 2 ready
    Node pods: 1 of 2 ready

Problems:
- pod node-2: not ready: ImagePullBackOff.
  See: kubectl describe pod -n koredump node-2`.slice(1)
    )
  })

  const [next, old] = ["koredump-0.5.0", "koredump-0.4.0"]
  it.each<[string, StatusReport["kubernetes"], RegExp]>([
    [
      "a rollout",
      deploy([pod("a", { chart: next }), pod("b", { chart: next })], [pod("c", { chart: old })]),
      /Release: koredump \(rollout: 2 pods of chart koredump-0\.5\.0, 1 pod of chart koredump-0\.4\.0\)\n/
    ],
    [
      "pods without labels",
      deploy([], [{ ...pod("a"), metadata: { name: "a" } }]),
      /Release: unknown\n +API pods: none\n +Node pods: 1 of 1 ready\n/
    ],
    [
      "no pods",
      deploy([], []),
      /Release: no koredump pods in this namespace \(use --koredump-namespace for another\)\n +Nodes:/
    ],
    [
      "an unavailable Kubernetes API",
      { unavailableReason: "The Kubernetes API https://k answered 403: \u001b[31mno." },
      /\n +Kubernetes: not shown: The Kubernetes API https:\/\/k answered 403: \\x1b\[31mno\n +Nodes:/
    ],
    [
      "names with hidden characters",
      deploy([pod("a\u001b[2J", { why: "\u001b[2J", chart: "\u001b[2J" })], []),
      /chart \\x1b\[2J\)[^]*pod a\\x1b\[2J: not ready: \\x1b\[2J\.$/
    ],
    [
      "many pods",
      deploy([], Array.from({ length: 9 }, (_, i) => pod(`n${i}`, { why: "Error" }))),
      /- pods n0, n1, n2, n3, n4 and 4 more: not ready: Error\./
    ]
  ])("shows %s", (_, kubernetes, expected) => {
    assert.match(formatStatus(report(kubernetes), false), expected)
  })
})

const podProblem = {
  pods: ["node-2"],
  nodes: ["worker-2"],
  problem: "not ready: ImagePullBackOff",
  hint: "See: kubectl describe pod -n koredump node-2"
}

describe("toStatusValue", () => {
  it("includes the pods, even if the server is not usable", () => {
    const kubernetes = {
      server: "https://10.0.0.1:6443",
      namespace: "koredump",
      release: "koredump",
      chart: "koredump-0.4.0",
      apiPods: { total: 2, ready: 2 },
      nodePods: { total: 2, ready: 1 }
    }
    assert.deepInclude(toStatusValue(report(deployment)), {
      serverVersion: "0.4.0",
      version: "0.5.0",
      kubernetes,
      problems: [{ nodes: ["worker-1"], problem: "unreachable" }, podProblem]
    })
    assert.deepInclude(toStatusValue(report(deployment, { status: error })), {
      usable: false,
      kubernetes,
      problems: [podProblem]
    })
    assert.deepInclude(toStatusValue(report({ unavailableReason: "No." })), {
      kubernetes: { unavailableReason: "No." }
    })
    assert.notProperty(toStatusValue(report(undefined)), "kubernetes")
  })
})
