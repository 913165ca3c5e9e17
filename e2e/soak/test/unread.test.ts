/** Clients that never read an answer, or read a byte a second, on every route: no server dies, and others are served. */
import { setTimeout } from "node:timers/promises"
import { describe, inject, it } from "vitest"
import { startAttack, toEndpoint } from "../support/clients.ts"
import { byForm, makeRandom, shuffle } from "../support/form.ts"
import { observe } from "../support/observe.ts"
import { getRoutes, type Route } from "../support/routes.ts"
import { startServers } from "../support/servers.ts"

const random = makeRandom("unread")
const { attackers } = inject("shared")
const connections = { nothing: 500, byte: 100 }
const attackMillis = byForm(60_000, 2500)

const servers = await startServers({ nodes: byForm(3, 1) })

const all = (await Promise.all(
  [servers.cluster, servers.nodes[0]!].map(async (target) =>
    (await getRoutes(target, servers.nodes[0]!.name)).flatMap((route) =>
      [true, false].map((hasToken) => ({ route, hasToken, isCluster: target === servers.cluster }))
    )
  )
)).flat()

/** The requests that once used up the memory of servers. The short form always includes them. */
const mustRun = ({ hasToken, isCluster, route: { name } }: typeof all[number]) =>
  hasToken
    ? (name.includes("/metadata/{node}/{id}") && name.endsWith("huge")) || (name === "GET /apiv1/cores" && isCluster)
    : name === "GET /docs"
const cases = byForm(all, [...all.filter(mustRun), ...shuffle(all.filter((one) => !mustRun(one)), random).slice(0, 2)])

const toHead = ({ method, path }: Route, token: string | undefined): string =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${
    token === undefined ? "" : `Authorization: Bearer ${token}\r\n`
  }\r\n`

const format = ({ hasToken, isCluster, route }: typeof all[number]) =>
  `${isCluster ? "cluster" : "node"}: ${route.name}${hasToken ? "" : ", no token"}`

describe("clients that never read, or read a byte a second", () => {
  it.each(cases.map((one) => [format(one), one] as const))("%s", async (name, { hasToken, isCluster, route }) => {
    const target = isCluster ? servers.cluster : servers.nodes[0]!
    // Either one caller, or several that together look harmless.
    const spread = random() < 0.5 ? 1 : attackers.length
    const observed = await observe(servers, target)
    await using attack = new AsyncDisposableStack()
    const clients = await Promise.all(
      (["nothing", "byte"] as const).flatMap((read) =>
        Array.from({ length: spread }, async (_, n) =>
          attack.use(
            await startAttack({
              kind: "hold",
              ...toEndpoint(route.isOps ? target.opsUrl : target.url),
              connections: Math.ceil(connections[read] / spread),
              addresses: [`127.0.1.${n + 1}`],
              send: Buffer.from(toHead(route, hasToken ? attackers[n] : undefined)).toString("base64"),
              trickle: "",
              read
            })
          ))
      )
    )
    await setTimeout(attackMillis)
    const counts = await Promise.all(clients.map((client) => client.stop()))
    await observed.stop(name, { callers: spread, opened: counts.reduce((sum, { opened }) => sum + opened, 0) })
    await observed.waitForMemory(name)
  })
})
