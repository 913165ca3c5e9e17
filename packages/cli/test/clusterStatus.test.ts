import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { kubeconfig, node, temporaryDirectory } from "./fixtures.ts"
import { pod } from "./pods.ts"
import { run, startServer } from "./processes.ts"

/** A koredump server with one node. */
const koredump = startServer((request, response) => {
  const isNodes = request.url === "/apiv1/nodes"
  response.writeHead(isNodes ? 200 : 404, { "content-type": "application/json", "koredump-version": "0.4.0" })
    .end(JSON.stringify(isNodes ? [node("worker-1")] : {}))
})

/** A Kubernetes API with two pods, or with an error; and a kubeconfig for it. */
const kubernetes = Effect.fnUntraced(function*(user: object = { token: "user-token" }, status = 200) {
  const requests: Array<readonly [string | undefined, string | undefined]> = []
  const server = yield* startServer((request, response) => {
    requests.push([request.url, request.headers.authorization])
    const items = request.url?.includes("koredump.service") === true
      ? [pod("api")]
      : [pod("node", { node: "worker-1", why: "ImagePullBackOff" })]
    const forbidden = { kind: "Status", code: status, message: "ann cannot list pods" }
    response.writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify(status === 200 ? { kind: "PodList", items } : forbidden))
  })
  const path = kubeconfig(yield* temporaryDirectory, {
    current: "c",
    contexts: [{ name: "c", user: "u" }],
    users: { u: user },
    cluster: { server }
  })
  return { requests, kubeconfig: path, server }
})

describe("status of a cluster", () => {
  it.live("shows the pods and the server's version", () =>
    Effect.gen(function*() {
      const { requests, kubeconfig, server } = yield* kubernetes()
      const argv = ["status", "--server", yield* koredump, "--kubeconfig", kubeconfig]
      const { code, stderr, stdout } = yield* run([...argv, "--koredump-namespace", "crashes"])
      assert.strictEqual(code, 0, stderr)
      assert.match(stdout, /Server: http:\S+, version 0\.4\.0, answered in \d+ ms\n/)
      assert.include(stdout, `Kubernetes: ${server}, namespace crashes\n`)
      assert.match(
        stdout,
        /Release: koredump \(chart koredump-0\.4\.0\)\n +API pods: 1 of 1 ready\n +Node pods: 0 of 1/
      )
      assert.match(stdout, /- pod node: not ready: ImagePullBackOff\.\n/)
      const path = "/api/v1/namespaces/crashes/pods"
      assert.deepStrictEqual(
        requests.map(([url, token]) => [new URL(url!, server).pathname, token]),
        [[path, "Bearer user-token"], [path, "Bearer user-token"]]
      )
    }))

  it.live("shows the pods even if the server does not answer", () =>
    Effect.gen(function*() {
      const { kubeconfig: KUBECONFIG } = yield* kubernetes()
      const argv = ["status", "-o", "json", "--server", "http://127.0.0.1:1"]
      const { code, stderr, stdout } = yield* run(argv, { env: { KUBECONFIG } })
      assert.strictEqual(code, 1)
      assert.match(stderr, /ECONNREFUSED/)
      const value = JSON.parse(stdout)
      assert.isFalse(value.usable)
      assert.deepInclude(value.kubernetes, { release: "koredump", nodePods: { total: 1, ready: 0 } })
      assert.strictEqual(value.problems[0].problem, "not ready: ImagePullBackOff")
    }))

  it.live("explains why the pods are not shown, and does not query Kubernetes for this host", () =>
    Effect.gen(function*() {
      const { requests, kubeconfig } = yield* kubernetes(undefined, 403)
      const server = yield* koredump
      const { code, stdout } = yield* run(["status", "--server", server, "--kubeconfig", kubeconfig])
      assert.strictEqual(code, 0)
      assert.match(stdout, /\n +Kubernetes: not shown: [^\n]*ann cannot list pods\n/)
      assert.include(stdout, "No problems found.")
      assert.notInclude((yield* run(["status", "--server", server])).stdout, "Kubernetes")
      const missing = yield* run(["status", "--server", server, "--kubeconfig", "/nonexistent/x"])
      assert.strictEqual(missing.code, 0)
      assert.include(missing.stdout, "Kubernetes: not shown: Kubeconfig not found: /nonexistent/x\n")
      const before = requests.length
      const root = yield* temporaryDirectory
      const local = yield* run(["status", "--local", "--root", root, "--kubeconfig", kubeconfig])
      assert.notInclude(local.stdout, "Kubernetes")
      assert.strictEqual(requests.length, before)
    }))

  it.live("does not wait for an exec plugin that does not finish", () =>
    Effect.gen(function*() {
      const { requests, kubeconfig: path } = yield* kubernetes({
        // Runs as long as this process.
        exec: { apiVersion: "client.authentication.k8s.io/v1", command: "cat" }
      })
      const { code, stdout } = yield* run(["status", "--server", yield* koredump, "--kubeconfig", path])
      assert.strictEqual(code, 0)
      assert.include(stdout, "Kubernetes: not shown: The Kubernetes API did not answer within 3 seconds\n")
      assert.deepStrictEqual(requests, [])
    }))
}, 60_000)
