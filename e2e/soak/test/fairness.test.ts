/** One caller at full tilt with every heavy request: another caller keeps at least half of the rate that it has alone. */
import { setTimeout } from "node:timers/promises"
import { assert, describe, inject, it } from "vitest"
import { coreName } from "../../../bench/support/sampleCores.ts"
import { type Probe, startAttack, startProbe, toEndpoint } from "../support/clients.ts"
import { byForm, makeRandom, shuffle } from "../support/form.ts"
import { expensive, getStagedFiles } from "../support/host.ts"
import { quantile, record } from "../support/report.ts"
import { getDead, startServers, type Target } from "../support/servers.ts"

const random = makeRandom("fairness")
const { attackers, root } = inject("shared")
const rounds = byForm(5, 3)
const measureMillis = byForm(5000, 2000)
/** Time for connections and queues to fill up, and for the first requests of the attacker, which nothing delays. */
const warmUpMillis = 1000

const servers = await startServers({ nodes: byForm(3, 1) })

const corePath = (what: "metadata" | "download", id: string) =>
  `/apiv1/cores/${what}/worker-1/${encodeURIComponent(id)}`

const heavyPaths = [
  ...[expensive.heavy, expensive.huge, coreName(5), coreName(6)].map((id) => corePath("metadata", id)),
  ...[expensive.zstd, expensive.lz4].map((id) => `${corePath("download", id)}?decompress=true`),
  corePath("download", expensive.zstd),
  "/apiv1/cores?fields=all&limit=100",
  "/apiv1/cores?sort=size&order=desc&state=any",
  "/apiv1/cores?q=nothing-has-this-text&state=any"
]

/** Two processes, so that one core for clients is busy. All connections belong to one caller. */
const attackWith = (target: Target, connections: number) =>
  Promise.all([1, 2].map(() =>
    startAttack({
      kind: "loop",
      ...toEndpoint(target.url),
      connections: connections / 2,
      addresses: ["127.0.1.1"],
      paths: shuffle(heavyPaths, random),
      headers: [{ authorization: `Bearer ${attackers[0]}` }]
    })
  ))

/** Answers, events or megabytes for each second. */
const measure = async (probe: Probe): Promise<number> => {
  await using running = await startProbe(probe)
  await setTimeout(measureMillis)
  const { bytes, millis, seconds, statuses } = await running.stop()
  if (probe.kind === "download") return bytes / 1e6 / seconds
  return (probe.kind === "watch" ? millis.length : statuses[200] ?? 0) / seconds
}

const makeProbes = ({ token, url }: Target): Readonly<Record<string, readonly [unit: string, probe: Probe]>> => ({
  list: ["/s", { kind: "reuse", url: `${url}/apiv1/cores?limit=100`, token }],
  watch: [" events/s", {
    kind: "watch",
    url: `${url}/apiv1/watch?node=worker-1&state=any`,
    token,
    // At most 200 changes a second: a cluster server delays what is much more.
    files: getStagedFiles(root),
    everyMillis: 40
  }],
  download: [" MB/s", { kind: "download", url: `${url}${corePath("download", expensive.giant)}`, token }]
})

describe.each(byForm(["cluster server", "node agent"], ["cluster server"]))("%s", (which) => {
  it.each(["list", "watch", "download"])("another caller's %s", async (name) => {
    const target = which === "node agent" ? servers.nodes[0]! : servers.cluster
    const [unit, probe] = makeProbes(target)[name]!
    const [alone, attacked, ratios]: [Array<number>, Array<number>, Array<number>] = [[], [], []]
    // The first measurement warms up the server.
    await measure(probe)
    const served = { requests: 0, bytes: 0 }
    const connections = byForm([16, 32, 64], [32])
    for (let round = 0; round < rounds; round++) {
      alone.push(await measure(probe))
      await using attack = new AsyncDisposableStack()
      const clients = await attackWith(target, connections[round % connections.length]!)
      for (const client of clients) attack.use(client)
      await setTimeout(warmUpMillis)
      attacked.push(await measure(probe))
      for (const { bytes, requests } of await Promise.all(clients.map((client) => client.stop()))) {
        served.requests += requests
        served.bytes += bytes
      }
      ratios.push(attacked[round]! / alone[round]!)
      assert.deepStrictEqual(getDead(servers), [], "servers died")
    }
    const ratio = quantile(ratios, 0.5)
    record(`${target.name}: ${name} under attack`, {
      alone: `${quantile(alone, 0.5).toFixed(0)}${unit}`,
      attacked: `${quantile(attacked, 0.5).toFixed(0)}${unit}`,
      "answers to the attacker": `${served.requests} with ${(served.bytes / 1e6).toFixed(0)} MB`,
      ratio: `${ratio.toFixed(2)} (${ratios.map((one) => one.toFixed(2)).join(", ")})`
    })
    assert.isAtLeast(ratio, 0.5)
  })
})
