/** The programs before an API server that refuses them: what they say of it. */
import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { makeHost, start, type Started } from "./program.ts"

/** What an API server answers by paths that begin so: a status and a body. Nothing else is there. */
type Answers = Record<string, readonly [status: number, body: unknown]>

const forbidden = (what: string) => [403, { message: `cannot ${what}` }] as const
const isAllowed = [201, { status: { allowed: true } }] as const
const knowsToken = [201, {
  status: { authenticated: true, user: { username: "ann" }, audiences: ["koredump"] }
}] as const

/** An API server, a host, and a kubeconfig on it that leads there. */
const makeCluster = async (answers: Answers) => {
  const host = await makeHost()
  const respond = (url: string, response: ServerResponse) => {
    const [, [status, body] = [404, {}]] = Object.entries(answers).find(([path]) => url.startsWith(path)) ?? []
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  }
  const server = createServer((request, response) => {
    request.resume().once("end", () => respond(request.url!, response))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const kubeconfig = join(host.root, "kubeconfig")
  await writeFile(
    kubeconfig,
    JSON.stringify({
      "apiVersion": "v1",
      "kind": "Config",
      "clusters": [{ name: "c", cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }],
      "users": [{ name: "u", user: { token: "t" } }],
      "contexts": [{ name: "one", context: { cluster: "c", user: "u", namespace: "koredump" } }],
      "current-context": "one"
    })
  )
  const flags = ["--auth", "kubernetes", "--kubeconfig", kubeconfig]
  return {
    root: host.root,
    start: (mode: string, ...args: ReadonlyArray<string>) =>
      start(mode, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", ...flags, ...args),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await host[Symbol.asyncDispose]()
    }
  }
}

const nodes = async ({ address }: Started) =>
  (await fetch(`${address}/apiv1/nodes`, { headers: { authorization: "Bearer t" } })).status

/** What `/readyz` says, once it says something that fits. */
const untilReadyz = async ({ log }: Started, fits: RegExp) => {
  for (;;) {
    const ops = /Probes and metrics at ([^"\s]+)/.exec(log.join("\n"))?.[1]
    const said = ops === undefined ? "" : await (await fetch(`${ops}/readyz`)).text()
    if (fits.test(said)) return said
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe("a server that lacks rights says so in /readyz", () => {
  it("node: to follow pods, from the start; to ask for reviews, until it can", async () => {
    const answers: Answers = {
      "/api/v1/pods": forbidden("list pods"),
      "/apis/authentication.k8s.io/v1/tokenreviews": forbidden("create tokenreviews")
    }
    await using cluster = await makeCluster(answers)
    await using node = await cluster.start(
      "node",
      "--root",
      cluster.root,
      "--node-name",
      "w1",
      "--audience",
      "koredump",
      "--state-dir",
      join(cluster.root, "state")
    )
    assert.notInclude(await untilReadyz(node, /^ready\n[^]*^warning: w1: pods are not .* cannot list pods/m), "refused")
    assert.strictEqual(await nodes(node), 503)
    const warning = /^warning: requests are refused, .* lacks the right to create tokenreviews\..*cannot create/m
    assert.match(await untilReadyz(node, warning), /^warning: w1: pods are not followed/m)

    answers["/apis/authentication.k8s.io/v1/tokenreviews"] = knowsToken
    answers["/apis/authorization.k8s.io/v1/subjectaccessreviews"] = forbidden("create subjectaccessreviews")
    assert.strictEqual(await nodes(node), 503)
    assert.notInclude(await untilReadyz(node, /the right to create subjectaccessreviews\./), "tokenreviews")

    answers["/apis/authorization.k8s.io/v1/subjectaccessreviews"] = isAllowed
    assert.strictEqual(await nodes(node), 200)
    assert.match(await untilReadyz(node, /^ready/), /^ready\n(?!.*refused)/s)
  })

  it("cluster: to list its own pods, so that it knows no nodes", async () => {
    await using cluster = await makeCluster({ "/api/v1/namespaces/koredump/pods": forbidden("list pods") })
    await using server = await cluster.start("cluster")
    assert.match(
      await untilReadyz(server, /cannot list pods/),
      /^not ready: the cluster's nodes are not known yet\nwarning: The API server \S+ answered 403: cannot list pods\.\n$/
    )
  })
})
