import { assert, describe, it } from "@effect/vitest"
import { type Deployed, deployedOf } from "../../src/status/Deployment.ts"
import { formatStatus, type Report, statusValue } from "../../src/status/formatStatus.ts"
import { Failure } from "../../src/text/CommandError.ts"
import { pod } from "../pods.ts"

const known: Report["known"] = {
  millis: 12,
  nodes: [],
  nodesLacking: undefined,
  unreachable: [],
  cores: 0,
  bytes: 0,
  troubles: [{ nodes: ["worker-1"], what: "unreachable" }]
}

const report = (kubernetes: Report["kubernetes"], fields: Partial<Report> = {}): Report => ({
  server: "https://koredump.example",
  serverVersion: "0.4.0",
  version: "0.5.0",
  known,
  kubernetes,
  ...fields
})

const deployed = (...pods: Parameters<typeof deployedOf> extends [unknown, ...infer Rest] ? Rest : never): Deployed =>
  deployedOf({ server: "https://10.0.0.1:6443", namespace: "koredump" }, ...pods)

const running = deployed([pod("api-1"), pod("api-2")], [
  pod("node-1", { node: "worker-1" }),
  pod("node-2", { node: "worker-2", why: "ImagePullBackOff" })
])

const failure = new Failure({ exitCode: 1, message: "Cannot reach https://koredump.example." })

describe("formatStatus", () => {
  it("shows release, chart and pods", () => {
    assert.strictEqual(
      formatStatus(report(running), false),
      `
       Server: https://koredump.example, version 0.4.0, answered in 12 ms
  koredumpctl: 0.5.0
   Kubernetes: https://10.0.0.1:6443, namespace koredump
      Release: koredump (chart koredump-0.4.0)
     API pods: 2 of 2 ready
    Node pods: 1 of 2 ready
        Nodes: none
        Cores: 0, 0 B

What is wrong:
- worker-1: unreachable.
- pod node-2: not ready: ImagePullBackOff.
  See: kubectl describe pod -n koredump node-2`.slice(1)
    )
  })

  it("shows them where the server is of no use, too", () => {
    assert.strictEqual(
      formatStatus(report(running, { known: failure, serverVersion: undefined }), false),
      `
       Server: https://koredump.example, no use of it
  koredumpctl: 0.5.0
   Kubernetes: https://10.0.0.1:6443, namespace koredump
      Release: koredump (chart koredump-0.4.0)
     API pods: 2 of 2 ready
    Node pods: 1 of 2 ready

What is wrong:
- pod node-2: not ready: ImagePullBackOff.
  See: kubectl describe pod -n koredump node-2`.slice(1)
    )
  })

  const [next, old] = ["koredump-0.5.0", "koredump-0.4.0"]
  it.each<[string, Report["kubernetes"], RegExp]>([
    [
      "a roll-out",
      deployed([pod("a", { chart: next }), pod("b", { chart: next })], [pod("c", { chart: old })]),
      /Release: koredump \(roll-out: 2 pods of chart koredump-0\.5\.0, 1 pod of chart koredump-0\.4\.0\)\n/
    ],
    [
      "pods that tell nothing of themselves",
      deployed([], [{ ...pod("a"), metadata: { name: "a" } }]),
      /Release: not told\n +API pods: none\n +Node pods: 1 of 1 ready\n/
    ],
    ["no pods", deployed([], []), /Release: no pods of koredump in this namespace; [^\n]*\n +Nodes:/],
    [
      "what may not be asked",
      { lacking: "The API server https://k answered 403: \u001b[31mno." },
      /\n +Kubernetes: not shown: The API server https:\/\/k answered 403: \\x1b\[31mno\n +Nodes:/
    ],
    [
      "tricks of names",
      deployed([pod("a\u001b[2J", { why: "\u001b[2J", chart: "\u001b[2J" })], []),
      /chart \\x1b\[2J\)[^]*pod a\\x1b\[2J: not ready: \\x1b\[2J\.\n.*a\\x1b\[2J$/
    ],
    [
      "many pods",
      deployed([], Array.from({ length: 9 }, (_, i) => pod(`n${i}`, { why: "Error" }))),
      /- pods n0, n1, n2, n3, n4 and 4 more: not ready: Error\./
    ]
  ])("shows %s", (_, kubernetes, expected) => {
    assert.match(formatStatus(report(kubernetes), false), expected)
  })
})

describe("statusValue", () => {
  it("has the pods, whether or not the server answers", () => {
    const kubernetes = {
      server: "https://10.0.0.1:6443",
      namespace: "koredump",
      release: "koredump",
      chart: "koredump-0.4.0",
      apiPods: { total: 2, ready: 2 },
      nodePods: { total: 2, ready: 1 }
    }
    assert.deepInclude(statusValue(report(running)), {
      serverVersion: "0.4.0",
      version: "0.5.0",
      kubernetes,
      troubles: [{ nodes: ["worker-1"], what: "unreachable" }, ...running.troubles]
    })
    assert.deepInclude(statusValue(report(running, { known: failure })), {
      usable: false,
      kubernetes,
      troubles: running.troubles
    })
    assert.deepInclude(statusValue(report({ lacking: "No." })), { kubernetes: { lacking: "No." } })
    assert.notProperty(statusValue(report(undefined)), "kubernetes")
  })
})
