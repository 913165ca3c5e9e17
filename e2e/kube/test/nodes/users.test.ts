/** Access to real cores: list, watch, metadata, download and deletion, with curl, `koredumpctl` and the client. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { access } from "node:fs/promises"
import { ctl, ctlOk } from "../../../host/test/support/Ctl.ts"
import { tempDir } from "../../../host/test/support/Files.ts"
import { corePath, list, metadata, type WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace, people } from "../support/Access.ts"
import { crashInCgroup, nodePath } from "../support/Cluster.ts"
import { clusterPods, koreapi, koredump } from "../support/Koredump.ts"
import { apply, eventually, pods, readLog, requestToken } from "../support/Kube.ts"
import { startProgram } from "../support/Program.ts"
import {
  type As,
  client,
  curl,
  curlStatus,
  deletePath,
  isIdentified,
  listed,
  verifyCore,
  verifyHidden
} from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

let alice: As
let bob: As
let viewer: As
let nobody: As
let watch: Watch
let shop: WireCore
let bank: WireCore
let host: WireCore

const waitForCore = async (namespace: string): Promise<WireCore> =>
  (await watch.find(
    ({ object }) => object["namespace"] === namespace && isIdentified(object),
    `a core in ${namespace}`
  )).object

beforeAll(async () => {
  const url = await koreapi()
  const as = async (name: string, ...rules: Parameters<typeof makeUser>[1]): Promise<As> => ({
    url,
    token: await makeUser(name, rules)
  })
  alice = await as("alice", everything("shop"))
  bob = await as("bob", everything(), everythingOnNodes)
  viewer = await as("viewer", { verbs: ["get", "list", "watch"], resources: ["coredumps"] })
  nobody = await as("nobody")
  watch = await Watch.open(bob)
  const secret = { env: { PASSWORD: "hunter2" } }
  await apply(
    namespace("shop"),
    namespace("bank"),
    podObject("shop", "till", podSpec([crashing("till", secret)], { node: "node-1" })),
    podObject("bank", "safe", podSpec([crashing("safe", secret)], { node: "node-2" }))
  )
  await crashInCgroup("node-1", "/system.slice/demo.service")
  ;[shop, bank] = [await waitForCore("shop"), await waitForCore("bank")]
  host = (await watch.find(
    ({ object }) => String(object["COREDUMP_CGROUP"]).endsWith("/system.slice/demo.service"),
    "a core of the host"
  )).object
})
afterAll(() => watch[Symbol.asyncDispose]())

const everywhere = (ids: ReadonlyArray<string>) => ({ curl: ids, koredumpctl: ids, client: ids, watch: ids })

describe("user A sees only namespace A", () => {
  it("in list and watch", async () => {
    assert.deepStrictEqual(await listed(alice, {}), everywhere([shop.id]))
    assert.deepStrictEqual(await listed(alice, { namespace: "shop" }), everywhere([shop.id]))
  })

  it("in metadata and download", async () => {
    const fields = await verifyCore(alice, shop)
    assert.include(String(fields["COREDUMP_ENVIRON"]), "PASSWORD=hunter2")
  })

  it("and no other cores", async () => {
    await verifyHidden(alice, bank)
    await verifyHidden(alice, host)
  })

  it("and gets 403 for a namespace without permissions", async () => {
    assert.strictEqual(await curlStatus(alice, "/apiv1/cores?namespace=bank"), 403)
    assert.strictEqual(await curlStatus(alice, "/apiv1/watch?namespace=bank"), 403)
    assert.strictEqual((await ctl(alice, ["list", "-n", "bank"])).code, 5)
    await using koredump = client(alice)
    const failure = await koredump.list({ namespace: "bank" }).then(() => undefined, (error: unknown) => error)
    assert.include(failure, { _tag: "Forbidden", status: 403 })
  })

  it("and not the nodes", async () => {
    assert.strictEqual(await curlStatus(alice, "/apiv1/nodes"), 403)
    assert.strictEqual((await ctl(alice, ["nodes"])).code, 5)
  })
})

describe("user B sees everything", () => {
  it("in list and watch", async () => {
    const { curl, ...others } = await listed(bob, {})
    for (const { id } of [shop, bank, host]) assert.include(curl, id)
    for (const ids of Object.values(others)) assert.sameMembers([...ids], curl)
  })

  it.each(["shop", "bank", "host"] as const)("in metadata and downloads: %s", async (which) => {
    await verifyCore(bob, { shop, bank, host }[which])
  })

  it("and the nodes", async () => {
    const nodes = JSON.parse(await curl(bob, "/apiv1/nodes")) as ReadonlyArray<Record<string, unknown>>
    assert.deepStrictEqual(nodes.map(({ name, state }) => [name, state]), [["node-1", "ready"], ["node-2", "ready"]])
    for (const node of nodes) {
      assert.isString(node["agentVersion"])
      assert.match(String(node["corePattern"]), /^\|/)
    }
    assert.match(await ctlOk(bob, ["nodes"]), /node-1[^]*node-2/)
    assert.match(await ctlOk(bob, ["status"]), /Nodes: 2 \(2 ready\)/)
    await using koredump = client(bob)
    assert.lengthOf(await koredump.nodes(), 2)
  })
})

it("a user without permissions gets an empty list, and 404 for all cores", async () => {
  assert.deepStrictEqual(await listed(nobody, {}), everywhere([]))
  await verifyHidden(nobody, shop)
})

it("a user with only koredump-viewer gets neither the bytes nor the environment", async () => {
  const fields = await metadata(viewer, shop)
  assert.strictEqual(fields["pod"], "till")
  assert.isUndefined(fields["COREDUMP_ENVIRON"])
  assert.notInclude(await curl(viewer, corePath("metadata", shop)), "hunter2")
  assert.strictEqual(await curlStatus(viewer, corePath("download", shop)), 403)
  assert.strictEqual(await curlStatus(viewer, corePath("download", shop), "--head"), 403)
  assert.strictEqual(await curlStatus(viewer, deletePath(shop), "-X", "DELETE"), 403)
  assert.strictEqual((await ctl(viewer, ["get", shop.node, shop.id, "-o", "-"])).code, 5)
  assert.strictEqual((await ctl(viewer, ["delete", "--yes", shop.node, shop.id])).code, 5)
})

it("a node with --namespace-regex hides cores of other and of unknown namespaces", async () => {
  await using dir = await tempDir()
  await using node = await startProgram("node", [
    "--root",
    nodePath("node-2", ""),
    "--node-name",
    "node-2",
    "--state-dir",
    dir.path,
    "--ops-listen",
    "127.0.0.1:0",
    "--kubeconfig",
    process.env["KUBECONFIG"]!,
    "--auth",
    "kubernetes",
    "--namespace-regex",
    "ban[jk]"
  ])
  await crashInCgroup("node-2", "/system.slice/demo.service")
  const token = await requestToken(people, "bob", "koredump-node")
  await using filtered = await Watch.open({ url: node.url, token })
  await filtered.find(({ object }) => object["container"] === "safe", "the bank's")
  const namespaces = new Set((await list({ url: node.url, token }, "state=any")).map((core) => core["namespace"]))
  assert.deepStrictEqual([...namespaces], ["bank"])
})

describe("deletion", () => {
  const victims = ["curl", "koredumpctl", "client"] as const
  const cores = new Map<string, WireCore>()
  beforeAll(async () => {
    for (const name of victims) {
      await apply(podObject("shop", name, podSpec([crashing("main")], { node: "node-2" })))
    }
    for (const name of victims) {
      const { object } = await watch.find(
        ({ object }) => object["pod"] === name && isIdentified(object),
        name
      )
      cores.set(name, object)
    }
  })

  it.each(victims)("with %s deletes the file and keeps the metadata", async (how) => {
    const core = cores.get(how)!
    if (how === "curl") assert.strictEqual(await curl(alice, deletePath(core), "-X", "DELETE"), "{}")
    else if (how === "koredumpctl") await ctlOk(alice, ["delete", "--yes", core.node, core.id])
    else {
      await using koredump = client(alice)
      await koredump.delete(core)
    }
    const file = nodePath(core.node, `var/lib/systemd/coredump/${core.id}`)
    assert.strictEqual(await access(file).then(() => "there", () => "gone"), "gone")
    await watch.find(({ object }) => object.id === core.id && object.state === "missing", "missing")
    assert.deepStrictEqual((await list(alice)).find(({ id }) => id === core.id), undefined)
    const [missing] = await list(alice, `state=missing&pod=${how}`)
    assert.strictEqual(missing?.id, core.id)
    assert.strictEqual(await curlStatus(alice, corePath("download", core)), 404)
  })

  it("is in the audit log with user and address", async () => {
    const [server] = await pods(koredump, clusterPods)
    const audit = async () => {
      const log = await readLog(koredump, server!.metadata.name)
      return log.split("\n").filter((line) => line.includes("audit"))
    }
    const user = `system:serviceaccount:${people}:alice`
    const lines = await eventually("audit lines", async () => {
      const lines = await audit()
      return lines.some((line) => line.includes(cores.get("client")!.id)) && lines
    })
    const of = (id: string, what: RegExp) =>
      lines.filter((line) => line.includes(user) && line.includes(id) && what.test(line))
    assert.isNotEmpty(of(shop.id, /download/))
    assert.isNotEmpty(of(shop.id, /environ/i))
    for (const core of cores.values()) assert.isNotEmpty(of(core.id, /delete/))
    // The audit log contains rejected attempts, and no tokens.
    assert.isNotEmpty(lines.filter((line) => line.includes(`${people}:viewer`) && line.includes("403")))
    for (const line of lines) assert.notInclude(line, alice.token.slice(0, 40))
  })
})
