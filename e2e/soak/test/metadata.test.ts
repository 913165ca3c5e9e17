/** Floods of requests for heavy fields: a node agent starts only a few journalctl processes. */
import { setTimeout } from "node:timers/promises"
import { assert, describe, inject, it } from "vitest"
import { coreName } from "../../../bench/support/sampleCores.ts"
import { startAttack, toEndpoint } from "../support/clients.ts"
import { byForm, makeRandom, maxFloodHealthMillis } from "../support/form.ts"
import { coreCount } from "../support/host.ts"
import { observe } from "../support/observe.ts"
import { startServers } from "../support/servers.ts"

/** One that follows the journal, and a few that read entries. */
const maxJournalctl = 1 + 8

const random = makeRandom("metadata")
const { attackers } = inject("shared")
const attackMillis = byForm(60_000, 4000)

const servers = await startServers({ nodes: 1 })

const floods = {
  metadata: {
    connections: 300,
    paths: Array.from({ length: 300 }, () => 5 + Math.floor(random() * (coreCount - 5)))
      .map((n) => `/apiv1/cores/metadata/worker-1/${coreName(n)}`)
  },
  "lists with fields=all": { connections: 100, paths: ["/apiv1/cores?fields=all&limit=100"] }
}

describe.each(byForm(["cluster server", "node agent"], ["node agent"]))("%s", (which) => {
  it.each(Object.entries(floods))("%s", async (name, { connections, paths }) => {
    const node = servers.nodes[0]!
    const target = which === "node agent" ? node : servers.cluster
    const observed = await observe(servers, target, maxFloodHealthMillis)
    await using client = await startAttack({
      kind: "loop",
      ...toEndpoint(target.url),
      connections,
      paths,
      addresses: ["127.0.1.1"],
      headers: attackers.map((token) => ({ authorization: `Bearer ${token}` }))
    })
    await setTimeout(attackMillis)
    const { statuses } = await client.stop()
    const most = observed.peaks.get(node)!.children
    await observed.stop(
      `${target.name}: flood of ${name}`,
      Object.fromEntries(Object.entries(statuses).map(([status, count]) => [`status ${status}`, count]))
    )
    assert.isAtMost(most, maxJournalctl, "journalctl processes of the node agent")
    assert.includeMembers(["200", "429", "503"], Object.keys(statuses))
    await observed.waitForMemory(`${target.name}: flood of ${name}`)
  })
})
