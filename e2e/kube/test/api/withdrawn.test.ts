/** Permissions that change during a watch, with curl, `koredumpctl` and the client. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { report } from "../../../host/test/support/report.ts"
import { now } from "../../../host/test/support/Watch.ts"
import { everything, grant, makeUser, namespace, people } from "../support/Access.ts"
import { type ClusterServer, sees, startCluster } from "../support/ClusterServer.ts"
import { apply, remove } from "../support/Kube.ts"
import { SimNodes } from "../support/SimNodes.ts"
import { curlStatus } from "../support/verify.ts"
import { Watching } from "../support/Watching.ts"

const [shop, bank] = ["koredump-e2e-shop", "koredump-e2e-bank"]

/** The time that access decisions are cached, plus the interval of a watch to check them, plus a margin. */
const cacheMillis = 10_000 + 2_000 + 1_000

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

it("adds cores when a permission is granted, and removes them when it is withdrawn", async () => {
  const hidden = nodes.crash("worker-1", { namespace: shop })
  const shown = nodes.crash("worker-1", { namespace: bank })
  const as = { url: server.url, token: await makeUser("watcher", [everything(bank)]) }
  await sees(server.url, as.token, 1)
  await using watching = new Watching(as)
  await watching.find("ADDED", shown)
  assert.deepStrictEqual(watching.since({ curl: 0, koredumpctl: 0, client: 0 }), [[shown], [shown], [shown]])

  const [role, binding] = grant({ name: "watcher-too", namespace: people }, [everything(shop)])
  const toWatcher = { ...binding!, subjects: [{ kind: "ServiceAccount", name: "watcher", namespace: people }] }
  await apply(namespace(shop), role!, toWatcher)
  const given = now()
  const appeared = await watching.find("ADDED", hidden) - given
  report(`permission granted → watch event: ${Math.round(appeared)} ms`)
  assert.isBelow(appeared, cacheMillis)

  await remove(toWatcher)
  const withdrawn = now()
  const gone = await watching.find("DELETED", hidden) - withdrawn
  report(`permission withdrawn → watch event: ${Math.round(gone)} ms`)
  assert.isBelow(gone, cacheMillis)

  const mark = watching.mark()
  nodes.crash("worker-1", { namespace: shop })
  const marker = nodes.crash("worker-1", { namespace: bank })
  await watching.find("ADDED", marker)
  assert.deepStrictEqual(watching.since(mark), [[marker], [marker], [marker]])
  assert.strictEqual(await curlStatus(as, `/apiv1/cores?namespace=${shop}`), 403)
})

it("removes all cores when all permissions are withdrawn", async () => {
  const core = nodes.crash("worker-1", { namespace: shop })
  const rules = [everything(shop)]
  const as = { url: server.url, token: await makeUser("leaver", rules) }
  await using watching = new Watching(as)
  await watching.find("ADDED", core)
  for (const object of grant({ name: "leaver", namespace: people }, rules).toReversed()) await remove(object)
  const withdrawn = now()
  assert.isBelow(await watching.find("DELETED", core) - withdrawn, cacheMillis)
})
