import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { kubeconfig, node, temporaryDirectory } from "./fixtures.ts"
import { pod } from "./pods.ts"
import { listening, run } from "./processes.ts"

/** A koredump server of one node. */
const koredump = listening((request, response) => {
  const known = request.url === "/apiv1/nodes"
  response.writeHead(known ? 200 : 404, { "content-type": "application/json", "koredump-version": "0.4.0" })
    .end(JSON.stringify(known ? [node("worker-1")] : {}))
})

/** An API server that has two pods, or refuses to tell them; and a kubeconfig that names it. */
const kubernetes = Effect.fnUntraced(function*(user: object = { token: "user-token" }, status = 200) {
  const asked: Array<readonly [string | undefined, string | undefined]> = []
  const server = yield* listening((request, response) => {
    asked.push([request.url, request.headers.authorization])
    const items = request.url?.includes("koredump.service") === true
      ? [pod("api")]
      : [pod("node", { node: "worker-1", why: "ImagePullBackOff" })]
    const refusal = { kind: "Status", code: status, message: "ann cannot list pods" }
    response.writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify(status === 200 ? { kind: "PodList", items } : refusal))
  })
  const path = kubeconfig(yield* temporaryDirectory, {
    current: "c",
    contexts: [{ name: "c", user: "u" }],
    users: { u: user },
    cluster: { server }
  })
  return { asked, kubeconfig: path, server }
})

describe("status of a cluster", () => {
  it.live("shows the pods and the server's version", () =>
    Effect.gen(function*() {
      const { asked, kubeconfig, server } = yield* kubernetes()
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
        asked.map(([url, token]) => [new URL(url!, server).pathname, token]),
        [[path, "Bearer user-token"], [path, "Bearer user-token"]]
      )
    }))

  it.live("shows the pods where the server does not answer, too", () =>
    Effect.gen(function*() {
      const { kubeconfig: KUBECONFIG } = yield* kubernetes()
      const argv = ["status", "-o", "json", "--server", "http://127.0.0.1:1"]
      const { code, stderr, stdout } = yield* run(argv, { env: { KUBECONFIG } })
      assert.strictEqual(code, 1)
      assert.match(stderr, /ECONNREFUSED/)
      const value = JSON.parse(stdout)
      assert.isFalse(value.usable)
      assert.deepInclude(value.kubernetes, { release: "koredump", nodePods: { total: 1, ready: 0 } })
      assert.strictEqual(value.troubles[0].what, "not ready: ImagePullBackOff")
    }))

  it.live("goes on where the pods are not shown, and asks for none of this host", () =>
    Effect.gen(function*() {
      const { asked, kubeconfig } = yield* kubernetes(undefined, 403)
      const server = yield* koredump
      const { code, stdout } = yield* run(["status", "--server", server, "--kubeconfig", kubeconfig])
      assert.strictEqual(code, 0)
      assert.match(stdout, /\n +Kubernetes: not shown: [^\n]*ann cannot list pods\n/)
      assert.include(stdout, "Nothing is wrong.")
      assert.notInclude((yield* run(["status", "--server", server])).stdout, "Kubernetes")
      const missing = yield* run(["status", "--server", server, "--kubeconfig", "/nonexistent/x"])
      assert.strictEqual(missing.code, 0)
      assert.include(missing.stdout, "Kubernetes: not shown: There is no kubeconfig /nonexistent/x\n")
      const before = asked.length
      const root = yield* temporaryDirectory
      const local = yield* run(["status", "--local", "--root", root, "--kubeconfig", kubeconfig])
      assert.notInclude(local.stdout, "Kubernetes")
      assert.strictEqual(asked.length, before)
    }))

  it.live("does not wait for a program that gets no credentials", () =>
    Effect.gen(function*() {
      const { asked, kubeconfig: path } = yield* kubernetes({
        // Goes on for as long as this process does.
        exec: { apiVersion: "client.authentication.k8s.io/v1", command: "cat" }
      })
      const { code, stdout } = yield* run(["status", "--server", yield* koredump, "--kubeconfig", path])
      assert.strictEqual(code, 0)
      assert.include(stdout, "Kubernetes: not shown: Kubernetes did not answer within 3 seconds\n")
      assert.deepStrictEqual(asked, [])
    }))
}, 60_000)
