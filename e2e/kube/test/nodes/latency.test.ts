/** Time from a crash until the cluster server lists it, for 50 crashes on both nodes with restarted containers. */
import { assert, it } from "@effect/vitest"
import { stat } from "node:fs/promises"
import { list, type WireCore } from "../../../host/test/support/Http.ts"
import { quantiles, report } from "../../../host/test/support/report.ts"
import { now, type Seen, Watch } from "../../../host/test/support/Watch.ts"
import { everything, makeUser, namespace } from "../support/Access.ts"
import { journalEntries, nodePath, nodes } from "../support/Cluster.ts"
import { koreapi } from "../support/Koredump.ts"
import { apply, remove } from "../support/Kube.ts"
import { type As, isIdentified } from "../support/verify.ts"
import { crashing, podSpec, workload } from "../support/Workloads.ts"

const ns = "latency"
const rounds = 25
const limit = 1000

const hasIdentity = ({ object }: Seen) => isIdentified(object) && ("workload" in object || object["namespace"] !== ns)

it(
  "lists and watches report 50 crashes within 1 s of the file, and the pod identity within 1 s of the entry",
  { timeout: 180_000 },
  async () => {
    const as: As = { url: await koreapi(), token: await makeUser("latency", [everything()]) }
    await using watch = await Watch.open(as)
    await apply(namespace(ns))
    const seen = new Set(watch.events.map(({ object }) => object.id))
    const [watched, listed, identified]: [Array<number>, Array<number>, Array<number>] = [[], [], []]

    /** Waits for the next core of this test and measures the time until it is reported. */
    const measure = async (node: string): Promise<WireCore> => {
      const { at, object } = await watch.find(
        ({ object, type }) => type === "ADDED" && object.node === node && !seen.has(object.id),
        `a core on ${node}`
      )
      seen.add(object.id)
      const cores = await list(as, `node=${node}&limit=1&order=desc`)
      const listedAt = now()
      const identity = await watch.find((event) => event.object.id === object.id && hasIdentity(event), object.id)
      // Pods of other tests can still crash.
      if (identity.object["namespace"] !== ns) return measure(node)
      assert.deepStrictEqual(cores.map(({ id }) => id), [object.id])
      const file = nodePath(node, `var/lib/systemd/coredump/${object.id}`)
      // Creating the final name changes the ctime last.
      const complete = Number((await stat(file, { bigint: true })).ctimeNs) / 1e6
      watched.push(at - complete)
      listed.push(listedAt - complete)
      const entries = await journalEntries(node, `COREDUMP_FILENAME=/var/lib/systemd/coredump/${object.id}`)
      identified.push(identity.at - Number(entries[0]!["__REALTIME_TIMESTAMP"]) / 1000)
      return identity.object
    }

    for (let i = 0; i < rounds; i++) {
      const node = nodes[i % nodes.length]!
      const spec = podSpec([crashing("main", { times: 2, millis: 300 })], { node })
      const deployment = workload("Deployment", ns, `web-${i}`, spec)
      await apply(deployment)
      const [first, second] = [await measure(node), await measure(node)]
      assert.deepInclude(first, { namespace: ns, container: "main", workload: `Deployment/web-${i}` })
      assert.strictEqual(second.pod_uid, first.pod_uid)
      assert.notStrictEqual(second.container_id, first.container_id, "all containers restarted")
      await remove(deployment)
    }
    const [inWatch, inList, withIdentity] = [quantiles(watched), quantiles(listed), quantiles(identified)]
    report(`complete core → the cluster's watch: ${inWatch.text}`)
    report(`complete core → the cluster's list (requested after the watch event): ${inList.text}`)
    report(`journal entry → namespace, pod, container, image, workload: ${withIdentity.text}`)
    assert.isBelow(inWatch.p99, limit)
    assert.isBelow(inList.p99, limit)
    assert.isBelow(withIdentity.p99, limit)
  }
)
