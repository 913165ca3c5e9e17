/** Servers whose requests the Kubernetes API denies, each in its own process. */
import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { makeHost, start, type Started } from "../support/program.ts"

type Answer = readonly [status: number, body: unknown]

/** Answers of the Kubernetes API by path prefix: status and body, which may depend on the request. Other paths answer 404. */
type Answers = Record<string, Answer | ((body: unknown) => Answer)>

const deny = (action: string) => [403, { message: `cannot ${action}` }] as const
const isAllowed = [201, { status: { allowed: true } }] as const
const isAuthenticated = [201, {
  status: { authenticated: true, user: { username: "ann" }, audiences: ["koredump"] }
}] as const

/** Makes a fake Kubernetes API, a host, and a kubeconfig for it. */
const makeCluster = async (answers: Answers) => {
  const host = await makeHost()
  const respond = (url: string, text: string, response: ServerResponse) => {
    const [, answer = [404, {}] as const] = Object.entries(answers).find(([path]) => url.startsWith(path)) ?? []
    const [status, body] = typeof answer === "function" ? answer(JSON.parse(text)) : answer
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  }
  const server = createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
    }).once("end", () => respond(request.url!, text, response))
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

const getNodes = ({ address }: Started, token = "t") =>
  fetch(`${address}/apiv1/nodes`, { headers: { authorization: `Bearer ${token}` } })
const nodes = async (server: Started, token?: string) => (await getNodes(server, token)).status
const readNodes = async (server: Started) => (await getNodes(server)).text()

const apiServerAudience = "https://kubernetes.default.svc"

/** Reviews tokens like the Kubernetes API. The tokens of these tests are the base64url of their audience. */
const reviewToken = (body: unknown): Answer => {
  const { audiences = [apiServerAudience], token } = (body as {
    readonly spec: { readonly token: string; readonly audiences?: ReadonlyArray<string> }
  }).spec
  const own = Buffer.from(token, "base64url").toString()
  return [201, {
    status: audiences.includes(own) ? { authenticated: true, user: { username: "ann" }, audiences: [own] } : {}
  }]
}

/** Waits until `/readyz` matches, and returns its text. */
const waitForReadyz = async (server: Started, pattern: RegExp) => {
  const ops = await server.opsAddress()
  for (;;) {
    const text = await (await fetch(`${ops}/readyz`)).text()
    if (pattern.test(text)) return text
  }
}

describe("/readyz of a server without permissions", () => {
  it("warns that a node agent cannot watch pods, and cannot create reviews until it can", async () => {
    const answers: Answers = {
      "/api/v1/pods": deny("list pods"),
      "/apis/authentication.k8s.io/v1/tokenreviews": deny("create tokenreviews")
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
    const [host, authentication, authorization] = [
      /^warning: The host has [12] problems?\./m,
      /^warning: Authentication is degraded\./m,
      /^warning: Authorization is degraded\./m
    ]
    assert.notMatch(await waitForReadyz(node, host), /degraded/)
    assert.strictEqual(await nodes(node), 503)
    const text = await waitForReadyz(node, authentication)
    assert.match(text, host)
    assert.notMatch(text, authorization)

    answers["/apis/authentication.k8s.io/v1/tokenreviews"] = isAuthenticated
    answers["/apis/authorization.k8s.io/v1/subjectaccessreviews"] = deny("create subjectaccessreviews")
    assert.strictEqual(await nodes(node), 503)
    assert.notMatch(await waitForReadyz(node, authorization), authentication)

    answers["/apis/authorization.k8s.io/v1/subjectaccessreviews"] = isAllowed
    assert.strictEqual(await nodes(node), 200)
    assert.notMatch(await waitForReadyz(node, /^ready/), /degraded/)
    // The details are in the log, and in the answer for callers with permission.
    const log = node.log.join("\n")
    for (const action of ["list pods", "create tokenreviews", "create subjectaccessreviews"]) {
      assert.include(log, `cannot ${action}`)
    }
    assert.match(await readNodes(node), /Pod watch failed.* cannot list pods/)
  })

  it("is not ready if a cluster server cannot list the node agent pods", async () => {
    await using cluster = await makeCluster({ "/api/v1/namespaces/koredump/pods": deny("list pods") })
    await using server = await cluster.start("cluster")
    assert.strictEqual(
      await waitForReadyz(server, /^not ready/),
      "not ready: Nodes not discovered yet\nwarning: Node discovery is degraded. See the log.\n"
    )
    const isLogged = () => server.log.some((line) => line.includes("cannot list pods"))
    while (!isLogged()) await waitForReadyz(server, /^not ready/)
  })
})

describe("a server's tokens", () => {
  it.each([
    ["node", [], ["koredump-node"]],
    ["node", ["--audience", "vault"], ["vault"]],
    ["cluster", [], ["koredump", apiServerAudience]],
    ["cluster", ["--audience", "koredump"], ["koredump"]]
  ])("of %s with %j are only those for the audiences %j", async (mode, flags, accepted) => {
    await using cluster = await makeCluster({
      "/api/v1/pods": [200, { metadata: { resourceVersion: "1" }, items: [] }],
      "/api/v1/namespaces/koredump/pods": [200, { metadata: { resourceVersion: "1" }, items: [] }],
      "/apis/authentication.k8s.io/v1/tokenreviews": reviewToken,
      "/apis/authorization.k8s.io/v1/subjectaccessreviews": isAllowed
    })
    const own = mode === "node"
      ? ["--root", cluster.root, "--node-name", "w1", "--state-dir", join(cluster.root, "state")]
      : []
    await using server = await cluster.start(mode, ...own, ...flags)
    for (const audience of ["koredump", "koredump-node", apiServerAudience, "vault", "*", ""]) {
      const status = await nodes(server, Buffer.from(audience).toString("base64url"))
      assert.strictEqual(status, accepted.includes(audience) ? 200 : 401, audience)
    }
  })
})
