/** Permissions that change while somebody watches. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { report } from "../../../host/test/support/report.ts"
import { now, Watch } from "../../../host/test/support/Watch.ts"
import { everything, grant, makeUser, namespace, people } from "../support/Access.ts"
import { type ClusterServer, sees, startCluster } from "../support/ClusterServer.ts"
import { apply, remove } from "../support/Kube.ts"
import { curlStatus } from "../support/prove.ts"
import { SimNodes } from "../support/SimNodes.ts"

/** How long an answer of the API server is remembered, and how often a watch asks again; and something for the way. */
const cacheMillis = 10_000 + 2_000 + 1_000

const [shopNamespace, bankNamespace] = ["koredump-e2e-shop", "koredump-e2e-bank"]

let nodes: SimNodes
let server: ClusterServer

beforeAll(async () => {
  nodes = await SimNodes.start(["worker-1"])
  server = await startCluster(nodes)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await nodes[Symbol.asyncDispose]()
})

it("given: the cores appear; withdrawn: they go, and nothing more of the namespace comes", async () => {
  const [shop, bank] = [
    nodes.crash("worker-1", { namespace: shopNamespace }),
    nodes.crash("worker-1", { namespace: bankNamespace })
  ]
  const as = { url: server.url, token: await makeUser("watcher", [everything(bankNamespace)]) }
  await sees(server.url, as.token, 1)
  await using watch = await Watch.open(as)
  assert.deepStrictEqual(watch.events.flatMap(({ object }) => object.id ?? []), [bank])

  const account = { name: "watcher-too", namespace: people }
  await apply(namespace(shopNamespace))
  const rights = grant(account, [{ ...everything(shopNamespace) }])
  const binding = {
    ...rights[1]!,
    subjects: [{ kind: "ServiceAccount", name: "watcher", namespace: people }]
  }
  await apply(rights[0]!, binding)
  const given = now()
  const { at: shown } = await watch.find(({ object, type }) => type === "ADDED" && object.id === shop, "shop appears")
  report(`permission given → in a running watch: ${Math.round(shown - given)} ms`)
  assert.isBelow(shown - given, cacheMillis)

  await remove(binding)
  const withdrawn = now()
  const { at: gone } = await watch.find(({ object, type }) => type === "DELETED" && object.id === shop, "shop goes")
  report(`permission withdrawn → out of a running watch: ${Math.round(gone - withdrawn)} ms`)
  assert.isBelow(gone - withdrawn, cacheMillis)

  const from = watch.events.length
  nodes.crash("worker-1", { namespace: shopNamespace })
  const marker = nodes.crash("worker-1", { namespace: bankNamespace })
  await watch.find(({ object }) => object.id === marker, "what is still allowed")
  assert.deepStrictEqual(watch.events.slice(from).flatMap(({ object }) => object.id ?? []), [marker])
  assert.strictEqual(await curlStatus(as, `/apiv1/cores?namespace=${shopNamespace}`), 403)
})

it("all withdrawn: the watch shows nothing any more", async () => {
  const core = nodes.crash("worker-1", { namespace: shopNamespace })
  const rules = [everything(shopNamespace)]
  const as = { url: server.url, token: await makeUser("leaver", rules) }
  await using watch = await Watch.open(as, "state=any")
  await watch.find(({ object }) => object.id === core, "the core")
  for (const object of grant({ name: "leaver", namespace: people }, rules).toReversed()) await remove(object)
  const withdrawn = now()
  const { at } = await watch.find(({ object, type }) => type === "DELETED" && object.id === core, "it goes")
  assert.isBelow(at - withdrawn, cacheMillis)
})
