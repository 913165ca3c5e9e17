/**
 * The rights of the servers' own accounts: each is needed. Accounts that have all rights of a server but one run the same
 * program, and something of it does not work; with all of them everything does.
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
import { apply, eventually, kube, runKubectl, tokenOf } from "../support/Kube.ts"
import { type Program, startProgram } from "../support/Program.ts"
import { type As, curlStatus, deletePath, isIdentified } from "../support/prove.ts"
import { accountWith, type Right, rightsOf, textOf } from "../support/Rights.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "chart-servers"
let token: string
let nodeToken: string
let watch: Watch
let pod: WireCore
let host: WireCore

beforeAll(async () => {
  token = await makeUser("servers", [everything(), everythingOnNodes])
  nodeToken = await tokenOf(people, "servers", "koredump-node")
  watch = await Watch.open({ url: await koreapi(), token })
  // Never started again: what a server that starts later knows of an ended container is what the API still tells of it.
  await apply(
    namespace(ns),
    podObject(ns, "prog", podSpec([crashing("main")], { node: "node-2", restartPolicy: "Never" }))
  )
  await crashInCgroup("node-2", "/system.slice/servers.service")
  pod = (await watch.find(({ object }) => object["namespace"] === ns && isIdentified(object), ns)).object
  host = (await watch.find(
    ({ object }) => object.state === "present" && String(object["COREDUMP_CGROUP"]).endsWith("/servers.service"),
    "the node's own"
  )).object
})
afterAll(() => watch[Symbol.asyncDispose]())

/** The kubeconfig of an account. */
const writeKubeconfig = async (path: string, account: string): Promise<void> => {
  const config = JSON.parse(await runKubectl("config", "view", "--raw", "--flatten", "-o", "json")) as {
    readonly clusters: ReadonlyArray<{ readonly name: string }>
  }
  const users = [{ name: "account", user: { token: await tokenOf(people, account) } }]
  const contexts = [{ name: "account", context: { cluster: config.clusters[0]!.name, user: "account" } }]
  await writeFile(path, JSON.stringify({ ...config, users, contexts, "current-context": "account" }), { mode: 0o600 })
}

/** A server as an account runs it, for as long as `use` takes. */
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

/** How long something must not work to be taken for not working, and how long it may take where it should. */
const [briefly, patiently] = [4000, 30_000]

const holds = (millis: number, ask: () => Promise<boolean>) =>
  eventually("it works", ask, millis).then(() => true, () => false)

/** Which of these work. */
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

/** Whether it has what it knows of pods from a watch that runs: it says so if not, as soon as it knows any. */
const follows = ({ log }: Program) => async () => !log.some((line) => line.includes("Pods are not followed"))

/** What a node server does that an account runs. */
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
      // What of it the API alone tells.
      identity: () => holds(millis, () => shows(as, pod, (core) => "image_name" in core)),
      follows: follows(server)
    })
  })

const secretOf = async (name: string, key: string): Promise<string> => {
  const { data } = await kube<{ readonly data: Readonly<Record<string, string>> }>(
    "GET",
    `/api/v1/namespaces/${koredump}/secrets/${name}`
  )
  return Buffer.from(data[key]!, "base64").toString()
}

/** What a cluster server does that an account runs, over the nodes of the installed one. */
const clusterWorks = (account: string, deletes: ReadonlyArray<WireCore> = [], millis = briefly) =>
  served("cluster", account, async (dir) => {
    const [ca, file] = [join(dir, "ca.crt"), join(dir, "token")]
    await writeFile(ca, await secretOf("koredump-node-tls", "ca.crt"))
    await writeFile(file, await tokenOf(people, account, "koredump-node"))
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
      // That a node withholds cores from it, it does not keep to itself.
      "says all": async () => !server.log.some((line) => line.includes("Not all of a node is to be had")),
      follows: follows(server),
      "delete pod": deletion(pod),
      "delete host": deletion(host)
    })
  })

/** What does not work without a right. */
const needs: Readonly<Record<"node" | "cluster", Readonly<Record<string, ReadonlyArray<string>>>>> = {
  node: {
    "list pods": ["identity"],
    "watch pods": ["follows"],
    "create tokenreviews": ["list"],
    "create subjectaccessreviews": ["list"]
  },
  cluster: {
    "list pods": ["pod"],
    "watch pods": ["follows"],
    "create tokenreviews": ["pod"],
    "create subjectaccessreviews": ["pod"],
    "get coredumps": ["get pod"],
    "watch coredumps": ["pod", "says all"],
    "delete coredumps": ["delete pod"],
    "get coredumps/content": ["content pod"],
    "list nodecoredumps": ["nodes", "says all"],
    "get nodecoredumps": ["get host"],
    "watch nodecoredumps": ["host"],
    "delete nodecoredumps": ["delete host"],
    "get nodecoredumps/content": ["content host"]
  }
}

const ownRights = async (server: "node" | "cluster") => {
  const everywhere = await rightsOf(`${koredump}-koredump-${server}`)
  const own = server === "cluster" ? await rightsOf("koredump-cluster", koredump) : []
  return { everywhere, own }
}

/** An account of a server with all its rights but one. */
const account = async (server: "node" | "cluster", name: string, without?: string): Promise<void> => {
  const { everywhere, own } = await ownRights(server)
  const rest = (rights: ReadonlyArray<Right>) => rights.filter((right) => textOf(right) !== without)
  await accountWith(name, rest(everywhere))
  if (own.length > 0) await accountWith(name, rest(own), koredump)
}

describe.each(["node", "cluster"] as const)("the %s server", (server) => {
  it("has no right but these", async () => {
    const { everywhere, own } = await ownRights(server)
    assert.sameMembers([...everywhere, ...own].map(textOf), Object.keys(needs[server]))
  })

  it.concurrent.each(Object.entries(needs[server]))("needs to %s", { timeout: 60_000 }, async (right, what) => {
    const name = `${server}-without-${right.replaceAll(/\W/g, "-")}`
    await account(server, name, right)
    // Tries to delete only where that fails.
    const deletes = what.includes("delete pod") ? [pod] : what.includes("delete host") ? [host] : []
    const works = await (server === "node" ? nodeWorks(name) : clusterWorks(name, deletes))
    assert.deepStrictEqual(works.filter((name) => what.includes(name)), [])
  })
})

describe("with all of them everything works", () => {
  it("node", async () => {
    await account("node", "node-whole")
    assert.deepStrictEqual([...await nodeWorks("node-whole", patiently)], ["list", "identity", "follows"])
  })

  it("cluster", async () => {
    await account("cluster", "cluster-whole")
    assert.lengthOf(await clusterWorks("cluster-whole", [pod, host], patiently), 11)
  })
})
