/**
 * The permissions of the servers' service accounts. Each is necessary: a server that runs without one of them loses a
 * function. With all permissions, everything works.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { tempDir } from "../../../host/test/support/Files.ts"
import { corePath, request, type WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace, people } from "../support/Access.ts"
import { crashInCgroup, nodePath } from "../support/Cluster.ts"
import { koreapi, koredump } from "../support/Koredump.ts"
import { apply, eventually, kube, requestToken, runKubectl } from "../support/Kube.ts"
import { createAccount, formatPermission, type Permission, readPermissions } from "../support/permissions.ts"
import { type Program, startProgram } from "../support/Program.ts"
import { type As, curlStatus, deletePath, isIdentified } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "chart-servers"
let token: string
let nodeToken: string
let watch: Watch
let pod: WireCore
let host: WireCore

beforeAll(async () => {
  token = await makeUser("servers", [everything(), everythingOnNodes])
  nodeToken = await requestToken(people, "servers", "koredump-node")
  watch = await Watch.open({ url: await koreapi(), token })
  // Without restarts, so that servers that start later still find the ended container in the Kubernetes API.
  await apply(
    namespace(ns),
    podObject(ns, "prog", podSpec([crashing("main")], { node: "node-2", restartPolicy: "Never" }))
  )
  await crashInCgroup("node-2", "/system.slice/servers.service")
  pod = (await watch.find(({ object }) => object["namespace"] === ns && isIdentified(object), ns)).object
  host = (await watch.find(
    ({ object }) => object.state === "present" && String(object["COREDUMP_CGROUP"]).endsWith("/servers.service"),
    "a core of the node"
  )).object
})
afterAll(() => watch[Symbol.asyncDispose]())

/** Writes the kubeconfig of an account. */
const writeKubeconfig = async (path: string, account: string): Promise<void> => {
  const config = JSON.parse(await runKubectl("config", "view", "--raw", "--flatten", "-o", "json")) as {
    readonly clusters: ReadonlyArray<{ readonly name: string }>
  }
  const users = [{ name: "account", user: { token: await requestToken(people, account) } }]
  const contexts = [{ name: "account", context: { cluster: config.clusters[0]!.name, user: "account" } }]
  await writeFile(path, JSON.stringify({ ...config, users, contexts, "current-context": "account" }), { mode: 0o600 })
}

/** Runs a server with an account during `use`. */
const served = async <A>(
  mode: "node" | "cluster",
  account: string,
  args: (dir: string) => Promise<ReadonlyArray<string>>,
  use: (server: Program) => Promise<A>
): Promise<A> => {
  await using dir = await tempDir()
  const kubeconfig = join(dir.path, "kubeconfig")
  await writeKubeconfig(kubeconfig, account)
  await using server = await startProgram(mode, [
    "--ops-listen",
    "127.0.0.1:0",
    "--auth",
    "kubernetes",
    "--kubeconfig",
    kubeconfig,
    ...await args(dir.path)
  ])
  return await use(server)
}

/** Timeouts for functions that must fail, and for functions that must work. */
const [briefly, patiently] = [4000, 30_000]

const holds = (millis: number, ask: () => Promise<boolean>) =>
  eventually("it works", ask, millis).then(() => true, () => false)

/** The names of the checks that succeed. */
const working = async (checks: Readonly<Record<string, () => Promise<boolean>>>): Promise<ReadonlyArray<string>> => {
  const names: Array<string> = []
  for (const [name, check] of Object.entries(checks)) if (await check()) names.push(name)
  return names
}

const shows = async (as: As, core: WireCore, also: (core: WireCore) => boolean = () => true) => {
  const response = await request(as, "/apiv1/cores")
  const cores = response.ok ? await response.json() as ReadonlyArray<WireCore> : []
  return cores.some((found) => found.id === core.id && also(found))
}

/** Whether the pod watch works. If it fails, the server logs it. */
const watchesPods = ({ log }: Program) => async () => !log.some((line) => line.includes("Pod watch failed"))

/** The working functions of a node agent that runs with an account. */
const nodeWorks = (account: string, millis = briefly) =>
  served("node", account, async (dir) => [
    "--root",
    nodePath("node-2", ""),
    "--node-name",
    "node-2",
    "--state-dir",
    dir
  ], (server) => {
    const as = { url: server.url, token: nodeToken }
    return working({
      list: () => holds(millis, () => shows(as, pod)),
      // A field that only the Kubernetes API provides.
      identity: () => holds(millis, () => shows(as, pod, (core) => "image_name" in core)),
      watchesPods: watchesPods(server)
    })
  })

const readSecret = async (name: string, key: string): Promise<string> => {
  const { data } = await kube<{ readonly data: Readonly<Record<string, string>> }>(
    "GET",
    `/api/v1/namespaces/${koredump}/secrets/${name}`
  )
  return Buffer.from(data[key]!, "base64").toString()
}

/** The working functions of a cluster server that runs with an account, and uses the installed node agents. */
const clusterWorks = (account: string, deletes: ReadonlyArray<WireCore> = [], millis = briefly) =>
  served("cluster", account, async (dir) => {
    const [ca, file] = [join(dir, "ca.crt"), join(dir, "token")]
    await writeFile(ca, await readSecret("koredump-node-tls", "ca.crt"))
    await writeFile(file, await requestToken(people, account, "koredump-node"))
    return [
      "--allow-delete",
      "--namespace",
      koredump,
      "--node-ca",
      ca,
      "--node-server-name",
      `koredump-node.${koredump}.svc`,
      "--node-token-file",
      file
    ]
  }, (server) => {
    const as = { url: server.url, token }
    const has = (path: string, ...args: ReadonlyArray<string>) => async () =>
      await curlStatus(as, path, ...args) === 200
    const deletion = (core: WireCore) =>
      deletes.includes(core) ? has(deletePath(core), "-X", "DELETE") : async () => false
    return working({
      pod: () => holds(millis, () => shows(as, pod)),
      host: () => holds(millis, () => shows(as, host)),
      "get pod": has(corePath("metadata", pod)),
      "get host": has(corePath("metadata", host)),
      "content pod": has(corePath("download", pod), "--head"),
      "content host": has(corePath("download", host), "--head"),
      nodes: () =>
        holds(millis, async () => {
          const nodes = await (await request(as, "/apiv1/nodes")).json() as ReadonlyArray<Record<string, unknown>>
          return nodes.length === 2 && nodes.every(({ corePattern }) => typeof corePattern === "string")
        }),
      // If a node hides cores from the cluster server, the cluster server logs it.
      "complete lists": async () => !server.log.some((line) => line.includes("Node degraded")),
      watchesPods: watchesPods(server),
      "delete pod": deletion(pod),
      "delete host": deletion(host)
    })
  })

/** The functions that fail without a permission. */
const needs: Readonly<Record<"node" | "cluster", Readonly<Record<string, ReadonlyArray<string>>>>> = {
  node: {
    "list pods": ["identity"],
    "watch pods": ["watchesPods"],
    "create tokenreviews": ["list"],
    "create subjectaccessreviews": ["list"]
  },
  cluster: {
    "list pods": ["pod"],
    "watch pods": ["watchesPods"],
    "create tokenreviews": ["pod"],
    "create subjectaccessreviews": ["pod"],
    "get coredumps": ["get pod"],
    "watch coredumps": ["pod", "complete lists"],
    "delete coredumps": ["delete pod"],
    "get coredumps/content": ["content pod"],
    "list nodecoredumps": ["nodes", "complete lists"],
    "get nodecoredumps": ["get host"],
    "watch nodecoredumps": ["host"],
    "delete nodecoredumps": ["delete host"],
    "get nodecoredumps/content": ["content host"]
  }
}

const serverPermissions = async (server: "node" | "cluster") => {
  const everywhere = await readPermissions(`${koredump}-koredump-${server}`)
  const inNamespace = server === "cluster" ? await readPermissions("koredump-cluster", koredump) : []
  return { everywhere, inNamespace }
}

/** Creates an account with all permissions of a server, except one. */
const account = async (server: "node" | "cluster", name: string, without?: string): Promise<void> => {
  const { everywhere, inNamespace } = await serverPermissions(server)
  const rest = (permissions: ReadonlyArray<Permission>) =>
    permissions.filter((permission) => formatPermission(permission) !== without)
  await createAccount(name, rest(everywhere))
  if (inNamespace.length > 0) await createAccount(name, rest(inNamespace), koredump)
}

describe.each([["node agent", "node"], ["cluster server", "cluster"]] as const)("the %s", (_, server) => {
  it("has only these permissions", async () => {
    const { everywhere, inNamespace } = await serverPermissions(server)
    assert.sameMembers([...everywhere, ...inNamespace].map(formatPermission), Object.keys(needs[server]))
  })

  it.concurrent.each(Object.entries(needs[server]))("needs to %s", { timeout: 60_000 }, async (permission, what) => {
    const name = `${server}-without-${permission.replaceAll(/\W/g, "-")}`
    await account(server, name, permission)
    // Only try deletions that must fail.
    const deletes = what.includes("delete pod") ? [pod] : what.includes("delete host") ? [host] : []
    const works = await (server === "node" ? nodeWorks(name) : clusterWorks(name, deletes))
    assert.deepStrictEqual(works.filter((name) => what.includes(name)), [])
  })
})

describe("with all permissions, everything works", () => {
  it("on the node agent", async () => {
    await account("node", "node-whole")
    assert.deepStrictEqual([...await nodeWorks("node-whole", patiently)], ["list", "identity", "watchesPods"])
  })

  it("on the cluster server", async () => {
    await account("cluster", "cluster-whole")
    assert.lengthOf(await clusterWorks("cluster-whole", [pod, host], patiently), 11)
  })
})
