/** Valid and invalid tokens, with curl, `koredumpctl` and the client. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ctl, ctlOk } from "../../../host/test/support/Ctl.ts"
import { everything, foreign, makeUser, people, resigned, serviceAccount } from "../support/Access.ts"
import { type ClusterServer, sees, startCluster } from "../support/ClusterServer.ts"
import { remove, requestToken } from "../support/Kube.ts"
import { type Program, startProgram } from "../support/Program.ts"
import { SimNodes } from "../support/SimNodes.ts"
import { client, curl, curlStatus } from "../support/verify.ts"

let nodes: SimNodes
let server: ClusterServer
let node: Program
let stateDir: string
/** A valid token. The invalid ones are derived from it. */
let good: string

const seconds = () => Math.floor(Date.now() / 1000)

beforeAll(async () => {
  nodes = await SimNodes.start(["worker-1"])
  nodes.crash("worker-1", { namespace: "shop" })
  server = await startCluster(nodes)
  good = await makeUser("tokens", [everything()])
  stateDir = await mkdtemp(join(tmpdir(), "koredump-e2e-state-"))
  node = await startProgram("node", [
    "--ops-listen",
    "127.0.0.1:0",
    "--auth",
    "kubernetes",
    "--kubeconfig",
    server.kubeconfig,
    "--coredump-dir",
    stateDir,
    "--state-dir",
    stateDir,
    "--node-name",
    "tokens"
  ])
  await sees(server.url, good, 1)
})
afterAll(async () => {
  await node[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
  await nodes[Symbol.asyncDispose]()
  await rm(stateDir, { recursive: true })
})

const verifyAccepted = async (url: string, token: string) => {
  const as = { url, token }
  assert.strictEqual(await curlStatus(as, "/apiv1/cores"), 200)
  await ctlOk(as, ["list", "-o", "json"])
  await using koredump = client(as)
  assert.isArray((await koredump.list()).cores)
}

const verifyRejected = async (url: string, token: string) => {
  const as = { url, token }
  for (const path of ["/apiv1/cores", "/apiv1/watch", "/apiv1/nodes", "/apiv1/cores/download/worker-1/core.x"]) {
    const head = await curl(as, path, "-D", "-")
    assert.match(head, /^HTTP\/1\.1 401/)
    assert.match(head, /^www-authenticate: Bearer/im)
    // The response contains nothing about the cluster.
    assert.notInclude(head, "worker-1\"")
  }
  assert.strictEqual((await ctl(as, ["list"])).code, 5)
  await using koredump = client(as)
  const failure = await koredump.list().then(() => undefined, (error: unknown) => error)
  assert.include(failure, { _tag: "Unauthorized", status: 401 })
}

describe("accepts a token", () => {
  it("for koredump", () => verifyAccepted(server.url, good))

  it("for the Kubernetes API, which is the default audience", async () => {
    await verifyAccepted(server.url, await requestToken(people, "tokens"))
  })

  it("for koredump-node on a node agent", async () => {
    await verifyAccepted(node.url, await requestToken(people, "tokens", "koredump-node"))
  })
})

describe("rejects", () => {
  it("a missing token", async () => {
    assert.strictEqual(await curlStatus({ url: server.url }, "/apiv1/cores"), 401)
    const { code, stderr } = await ctl({ url: server.url }, ["list"])
    assert.strictEqual(code, 5, stderr)
  })

  it("an invalid string", () => verifyRejected(server.url, "nonsense"))

  it("a token of another cluster", () => verifyRejected(server.url, foreign(good)))

  it("a token for another audience", async () => {
    await verifyRejected(server.url, await requestToken(people, "tokens", "somebody-else"))
  })

  it("a token for koredump-node, so that nodes cannot use it", async () => {
    await verifyRejected(server.url, await requestToken(people, "tokens", "koredump-node"))
  })

  it("tokens for koredump and the Kubernetes API on a node agent", async () => {
    await verifyRejected(node.url, good)
    await verifyRejected(node.url, await requestToken(people, "tokens"))
  })

  // Signing a token needs the key of the cluster, which only the cluster of these tests gives.
  it.runIf(process.env["KOREDUMP_KUBE_NODES"] === "1")("an expired token", async () => {
    // A token that is made the same way is accepted before it expires.
    await verifyAccepted(server.url, await resigned(good, () => ({ exp: seconds() + 600 })))
    await verifyRejected(
      server.url,
      await resigned(good, () => ({ iat: seconds() - 7200, nbf: seconds() - 7200, exp: seconds() - 60 }))
    )
  })

  it("a token of a deleted account", async () => {
    const token = await makeUser("gone", [everything()])
    await remove(serviceAccount(people, "gone"))
    await verifyRejected(server.url, token)
  })
})

it("tokens do not appear in the log", () => {
  assert.isNotEmpty(server.log)
  for (const line of server.log) assert.notInclude(line, good.slice(0, 40))
})
