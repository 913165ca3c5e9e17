/** The cluster server as a process, over node servers as processes. */
import { assert, describe, it } from "@effect/vitest"
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { core, makeHost, size, start } from "./program.ts"

const tokens = { user: "user-token", cluster: "cluster-token" }

/** Two hosts, of which one has a server, and a cluster server that knows both. */
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
    "its own name",
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
    ask: (path: string, init: RequestInit = {}) =>
      fetch(cluster.address + path, { headers: { authorization: `Bearer ${tokens.user}` }, ...init }),
    cluster,
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]()
      await node[Symbol.asyncDispose]()
      await rm(host.root, { recursive: true })
    }
  }
}

/** Follows the watch up to the one core. */
const untilSeen = async (ask: (path: string) => Promise<Response>) => {
  for (;;) {
    const response = await ask("/apiv1/watch")
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    if (response.ok && new TextDecoder().decode(value).includes(core)) return reader.cancel()
    await reader.cancel()
  }
}

/** The states of the nodes, once each has answered or failed. */
const settled = async (ask: (path: string) => Promise<Response>) => {
  for (;;) {
    const nodes = await (await ask("/apiv1/nodes")).json() as ReadonlyArray<{ name: string; state: string }>
    if (nodes.every(({ state }) => state !== "syncing")) return nodes.map(({ name, state }) => [name, state])
  }
}

describe("koredump-server cluster", () => {
  it("serves the cores of its nodes by the names that it has for them, and names those that are away", async () => {
    await using started = await startCluster()
    const { ask, cluster } = started
    await untilSeen(ask)
    assert.deepStrictEqual(await settled(ask), [["w1", "ready"], ["w2", "unreachable"]])
    const list = await ask("/apiv1/cores")
    assert.strictEqual(list.headers.get("koredump-unreachable"), "w2")
    const cores = await list.json() as ReadonlyArray<Record<string, unknown>>
    assert.deepStrictEqual(cores.map(({ id, node }) => [node, id]), [["w1", core]])

    const download = await ask(`/apiv1/cores/download/w1/${core}`, {
      headers: { authorization: `Bearer ${tokens.user}`, range: `bytes=${size - 5}-` }
    })
    assert.strictEqual(download.status, 206)
    assert.strictEqual((await download.arrayBuffer()).byteLength, 5)
    assert.strictEqual((await ask("/apiv1/cores", { headers: {} })).status, 401)
    assert.notInclude(cluster.log.join("\n"), "-token")
  })

  it("deletes nothing unless it is told to, whatever its nodes allow", async () => {
    await using started = await startCluster()
    await untilSeen(started.ask)
    const refused = await started.ask(`/apiv1/cores/delete/w1/${core}`, { method: "DELETE" })
    assert.strictEqual(refused.status, 403)
    assert.include(await refused.text(), "deletion-disabled")
  })

  it("--allow-delete: deletes", async () => {
    await using started = await startCluster("--allow-delete")
    await untilSeen(started.ask)
    assert.strictEqual((await started.ask(`/apiv1/cores/delete/w1/${core}`, { method: "DELETE" })).status, 200)
  })
})
