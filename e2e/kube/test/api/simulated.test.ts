/**
 * Measures the cluster server with 1,000 simulated nodes of 20 cores. Each has a pod in the real Kubernetes API with an
 * address on this machine.
 */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { memory } from "../../../host/test/support/Ctl.ts"
import { quantiles, report } from "../../../host/test/support/report.ts"
import { now, Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace, serviceAccount } from "../support/Access.ts"
import { type ClusterServer, sees, startCluster } from "../support/ClusterServer.ts"
import { apply, eventually, kube } from "../support/Kube.ts"
import { SimNodes } from "../support/SimNodes.ts"

const ns = "koredump-e2e-sim"
const count = 1000
const coresEach = 20
const namespaces = 50

let nodes: SimNodes
let server: ClusterServer
let as: { readonly url: string; readonly token: string }
let synced: number

/** The pod of a simulated node agent. Nothing starts it; the test sets its status to ready. */
const standIn = async (name: string): Promise<void> => {
  const path = `/api/v1/namespaces/${ns}/pods`
  await kube("POST", path, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: ns, labels: { "koredump.daemonset": "1" } },
    spec: {
      nodeName: name,
      automountServiceAccountToken: false,
      containers: [{ name: "node", image: "koredump.test/none:1" }],
      tolerations: [{ operator: "Exists" }]
    }
  })
  await kube("PATCH", `${path}/${name}/status`, {
    status: {
      phase: "Running",
      podIP: nodes.address(name),
      podIPs: [{ ip: nodes.address(name) }],
      conditions: [{ type: "Ready", status: "True" }]
    }
  }, "merge-patch+json")
}

beforeAll(async () => {
  nodes = await SimNodes.start(Array.from({ length: count }, (_, i) => `sim-${String(i).padStart(4, "0")}`))
  for (const [i, name] of nodes.names.entries()) {
    for (let nth = 0; nth < coresEach; nth++) {
      nodes.crash(name, { namespace: `team-${(i * coresEach + nth) % namespaces}` })
    }
  }
  await apply(namespace(ns), serviceAccount(ns, "default"))
  const waiting = [...nodes.names]
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await standIn(name)
  }))
  const token = await makeUser("sim", [everything(), everythingOnNodes])
  const started = now()
  server = await startCluster(nodes, { namespace: ns })
  as = { url: server.url, token }
  await sees(as.url, as.token, count * coresEach)
  synced = now() - started
}, 120_000)
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await nodes[Symbol.asyncDispose]()
  await kube("DELETE", `/api/v1/namespaces/${ns}/pods?gracePeriodSeconds=0`)
})

it("is synchronized less than 20 s after the start of the program, with less than 400 MiB", () => {
  report(`1,000 nodes × 20 cores: synchronized after ${(synced / 1000).toFixed(1)} s`)
  assert.isBelow(synced, 20_000)
  const peak = memory(server.pid, "VmHWM")! / 1024 / 1024
  report(`peak memory: ${Math.round(peak)} MiB`)
  assert.isBelow(peak, 400)
})

it("lists one namespace in less than 20 ms, without a request to a node", async () => {
  const times: Array<number> = []
  const before = nodes.requests.length
  for (let i = 0; i < 100; i++) {
    const started = performance.now()
    const response = await fetch(`${as.url}/apiv1/cores?namespace=team-${i % namespaces}`, {
      headers: { authorization: `Bearer ${as.token}` }
    })
    const text = await response.text()
    times.push(performance.now() - started)
    assert.lengthOf(JSON.parse(text) as ReadonlyArray<unknown>, count * coresEach / namespaces)
  }
  const took = quantiles(times)
  report(`list of one namespace (400 of 20,000 cores): ${took.text}`)
  // The cluster server requests the status of nodes from time to time, independent of lists.
  const others = nodes.since(before).filter(({ path }) => !/^\/apiv1\/(?:nodes$|watch\?.*namespace=)/.test(path))
  assert.deepStrictEqual(others, [])
  // Only the median, because this process also simulates 1,000 nodes on the same two processors.
  assert.isBelow(took.p50, 20)
})

it("sends the change of a node to a watch in less than 250 ms", async () => {
  await using watch = await Watch.open(as, "namespace=changes")
  const times: Array<number> = []
  for (let i = 0; i < 50; i++) {
    const crashed = now()
    const id = nodes.crash(nodes.names[i * 19]!, { namespace: "changes" })
    const { at } = await watch.find(({ object }) => object.id === id, id)
    times.push(at - crashed)
  }
  const took = quantiles(times)
  report(`one node's change → a watcher: ${took.text}`)
  assert.isBelow(took.p99, 250)
})

it("reports an unreachable node and keeps its cores", async () => {
  await kube("DELETE", `/api/v1/namespaces/${ns}/pods/sim-0007?gracePeriodSeconds=0`)
  await eventually("named", async () => {
    const response = await fetch(`${as.url}/apiv1/cores?node=sim-0007`, {
      headers: { authorization: `Bearer ${as.token}` }
    })
    assert.lengthOf(await response.json() as ReadonlyArray<unknown>, coresEach)
    return response.headers.get("koredump-unreachable") === "sim-0007"
  })
})
