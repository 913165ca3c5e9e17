/** The cluster server and node agents, each in its own process. */
import { assert, describe, it } from "@effect/vitest"
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { core, makeHost, size, start } from "../support/program.ts"

const tokens = { user: "user-token", cluster: "cluster-token" }

/** Starts a node agent and a cluster server with two nodes. The second node is unreachable. */
const startCluster = async (...args: ReadonlyArray<string>) => {
  const host = await makeHost()
  const file = async (name: string, text: string) => {
    const path = join(host.root, name)
    await writeFile(path, text)
    return path
  }
  const loopback = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--auth", "token-file", "--token-file"]
  const node = await start(
    "node",
    ...loopback,
    await file("node-tokens", `${tokens.cluster},cluster\n`),
    "--root",
    host.root,
    "--node-name",
    "another-name",
    "--state-dir",
    join(host.root, "state"),
    "--allow-delete"
  )
  const cluster = await start(
    "cluster",
    ...loopback,
    await file("tokens", `${tokens.user},alice\n`),
    "--node",
    `w1=${node.address}`,
    "--node",
    "w2=http://127.0.0.1:1",
    "--node-token-file",
    await file("cluster-token", tokens.cluster),
    ...args
  )
  return {
    request: (path: string, init: RequestInit = {}) =>
      fetch(cluster.address + path, { headers: { authorization: `Bearer ${tokens.user}` }, ...init }),
    cluster,
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]()
      await node[Symbol.asyncDispose]()
      await rm(host.root, { recursive: true })
    }
  }
}

/** Waits until the cluster server lists the core. */
const waitForCore = async (request: (path: string) => Promise<Response>) => {
  for (;;) {
    const response = await request("/apiv1/watch")
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    if (response.ok && new TextDecoder().decode(value).includes(core)) return reader.cancel()
    await reader.cancel()
  }
}

/** Waits until each node has answered or failed, and returns the states. */
const waitForStates = async (request: (path: string) => Promise<Response>) => {
  for (;;) {
    const nodes = await (await request("/apiv1/nodes")).json() as ReadonlyArray<{ name: string; state: string }>
    if (nodes.every(({ state }) => state !== "syncing")) return nodes.map(({ name, state }) => [name, state])
  }
}

describe("koredump-server cluster", () => {
  it("serves the cores of its nodes under their configured names, and reports unreachable nodes", async () => {
    await using started = await startCluster()
    const { cluster, request } = started
    await waitForCore(request)
    assert.deepStrictEqual(await waitForStates(request), [["w1", "ready"], ["w2", "unreachable"]])
    const list = await request("/apiv1/cores")
    assert.strictEqual(list.headers.get("koredump-unreachable"), "w2")
    const cores = await list.json() as ReadonlyArray<Record<string, unknown>>
    assert.deepStrictEqual(cores.map(({ id, node }) => [node, id]), [["w1", core]])

    const download = await request(`/apiv1/cores/download/w1/${core}`, {
      headers: { authorization: `Bearer ${tokens.user}`, range: `bytes=${size - 5}-` }
    })
    assert.strictEqual(download.status, 206)
    assert.strictEqual((await download.arrayBuffer()).byteLength, 5)
    assert.strictEqual((await request("/apiv1/cores", { headers: {} })).status, 401)
    assert.notInclude(cluster.log.join("\n"), "-token")
  })

  it("rejects deletion without --allow-delete, even if the node agent allows it", async () => {
    await using started = await startCluster()
    await waitForCore(started.request)
    const rejected = await started.request(`/apiv1/cores/delete/w1/${core}`, { method: "DELETE" })
    assert.strictEqual(rejected.status, 403)
    assert.include(await rejected.text(), "deletion-disabled")
  })

  it("deletes cores with --allow-delete", async () => {
    await using started = await startCluster("--allow-delete")
    await waitForCore(started.request)
    assert.strictEqual((await started.request(`/apiv1/cores/delete/w1/${core}`, { method: "DELETE" })).status, 200)
  })
})
