/** A rollout of all pods during continuous lists, downloads and watches. No request fails. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { createKoredump, type KoredumpClient } from "@koredump/client"
import { downloadTo } from "@koredump/client/node"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { sha256File, tempDir } from "../../../host/test/support/Files.ts"
import type { WireCore } from "../../../host/test/support/Http.ts"
import { quantiles, report } from "../../../host/test/support/report.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, makeUser, namespace } from "../support/Access.ts"
import { nodePath, nodes, onNode } from "../support/Cluster.ts"
import { chart, clusterPods, helm, koreapi, koredump, nodePods, settings } from "../support/Koredump.ts"
import { apply, eventually, isReady, type Pod, pods } from "../support/Kube.ts"
import { type As, client, curl, isIdentified } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "chart-rollout"
/** Milliseconds between the starts of two lists. */
const every = 50
/** Slow enough that one download lasts as long as the rollout and must resume through new pods. */
const slowBytesPerSecond = 512 * 1024
let as: As
const cores = new Map<string, WireCore>()

beforeAll(async () => {
  as = { url: await koreapi(), token: await makeUser("rollout", [everything(ns)]) }
  await using watch = await Watch.open(as, `namespace=${ns}`)
  const container = crashing("main", { env: { CRASH_MIB: "40" } })
  await apply(namespace(ns), ...nodes.map((node) => podObject(ns, node, podSpec([container], { node }))))
  for (const node of nodes) {
    const { object } = await watch.find(({ object }) => object["pod"] === node && isIdentified(object), node, 60_000)
    cores.set(node, object)
  }
})

/** A client that sends requests until it is stopped, and records failures. */
class Load {
  readonly failures: Array<string> = []
  readonly times: Array<number> = []
  downloads = 0
  cuts = 0
  #running = true
  readonly #tasks: ReadonlyArray<Promise<void>>
  readonly #sums: ReadonlyMap<string, string>

  constructor(dir: string, sums: ReadonlyMap<string, string>) {
    this.#sums = sums
    this.#tasks = [
      this.#list("curl", async () => {
        const head = await curl(as, "/apiv1/cores", "-D", "-", "--fail")
        return { ids: head, unreachable: /^koredump-unreachable: .*$/im.exec(head)?.[0] }
      }),
      this.#list("one connection", async () => {
        const response = await fetch(`${as.url}/apiv1/cores`, { headers: { authorization: `Bearer ${as.token}` } })
        const ids = await response.text()
        if (!response.ok) throw new Error(`${response.status} ${ids}`)
        return { ids, unreachable: response.headers.get("koredump-unreachable") ?? undefined }
      }),
      this.#download(join(dir, "fast"), client(as)),
      // A slow client does not notice that the pod of its connection is gone, because it still reads buffered data.
      this.#download(
        join(dir, "slow"),
        createKoredump({ url: as.url, token: as.token, fetch: this.#slowFetch, idleTimeout: "10 seconds" })
      )
    ]
  }

  /** Replaces the global fetch with one that reads bodies slowly. Range requests are counted as resumed downloads. */
  readonly #slowFetch: typeof fetch = async (input, init) => {
    if (new Headers(init?.headers).has("range")) this.cuts++
    const response = await fetch(input, init)
    const slowly = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (chunk, controller) => {
        if (this.#running) await setTimeout(chunk.length / slowBytesPerSecond * 1000)
        controller.enqueue(chunk)
      }
    })
    return new Response(response.body?.pipeThrough(slowly) ?? null, response)
  }

  #failed(what: string, error: unknown): void {
    this.failures.push(`${new Date().toISOString()} ${what}: ${error instanceof Error ? error.message : String(error)}`)
  }

  async #list(
    how: string,
    ask: () => Promise<{ readonly ids: string; readonly unreachable: string | undefined }>
  ): Promise<void> {
    while (this.#running) {
      const started = performance.now()
      try {
        const { ids, unreachable } = await ask()
        if (unreachable !== undefined) this.#failed(`list by ${how}`, unreachable)
        for (const core of cores.values()) if (!ids.includes(core.id)) this.#failed(`list by ${how}`, `no ${core.id}`)
      } catch (error) {
        this.#failed(`list by ${how}`, error)
      }
      const took = performance.now() - started
      this.times.push(took)
      await setTimeout(Math.max(0, every - took))
    }
  }

  async #download(path: string, koredump: KoredumpClient): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const core = cores.get(nodes[i % nodes.length]!)!
      try {
        await downloadTo(koredump, core, path)
        assert.strictEqual(await sha256File(path), this.#sums.get(core.node))
        this.downloads++
      } catch (error) {
        this.#failed(`download to ${path}`, error)
      }
      await rm(path, { force: true })
    }
    await koredump[Symbol.asyncDispose]()
  }

  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(this.#tasks)
  }
}

const allPods = async () => (await Promise.all([pods(koredump, nodePods), pods(koredump, clusterPods)])).flat()

/** Waits until none of these pods is left. Helm only waits until enough pods are available. */
const replaced = (old: ReadonlyArray<Pod>) =>
  eventually("only new pods", async () => {
    const now = await allPods()
    const olds = new Set(old.map(({ metadata }) => metadata.uid))
    return now.length === nodes.length + 1 && now.every((pod) => isReady(pod) && !olds.has(pod.metadata.uid))
  }, 90_000)

const cli = "/usr/local/bin/koredumpctl"
afterAll(() => Promise.all(nodes.map((node) => rm(nodePath(node, cli), { force: true }))))

describe.each([
  ["helm upgrade", [
    "upgrade",
    koredump,
    chart,
    "--wait",
    ...settings,
    "--set",
    "installCli=true,podAnnotations.rollout=again"
  ]],
  ["helm rollback", ["rollback", koredump, "--wait"]]
])("%s", (name, args) => {
  it("replaces all pods without a failed request", { timeout: 240_000 }, async () => {
    await using dir = await tempDir()
    const sums = new Map<string, string>()
    for (const [node, { id }] of cores) {
      sums.set(node, await sha256File(nodePath(node, `var/lib/systemd/coredump/${id}`)))
    }
    // Wait for the end of earlier rollouts.
    await replaced([])
    const before = await allPods()
    await using watch = await Watch.open(as, `namespace=${ns}`)
    const load = new Load(dir.path, sums)
    const started = performance.now()
    try {
      await helm(...args)
      await replaced(before)
    } finally {
      const took = performance.now() - started
      await load.stop()
      const drained = performance.now() - started - took
      report(
        `${name} in ${Math.round(took / 1000)} s (+${Math.round(drained / 1000)} s): ${load.times.length} lists, ${
          quantiles(load.times).text
        }; ` +
          `${load.downloads} downloads of 40 MiB, resumed ${load.cuts} times; ${load.failures.length} failed requests`
      )
    }
    assert.deepStrictEqual(load.failures, [])
    assert.isAbove(load.downloads, 5)
    assert.isAbove(load.cuts, 0)
    assert.deepStrictEqual(watch.events.filter(({ type }) => type === "DELETED"), [])
  })
})

it("koredumpctl is installed on the nodes", async () => {
  for (const node of nodes) assert.match(await onNode(node, cli, "version"), /koredumpctl/)
})
