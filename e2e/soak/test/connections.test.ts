/** Connections that cost a server something without a complete request. Another caller is served as before. */
import { setTimeout } from "node:timers/promises"
import { assert, describe, inject, it } from "vitest"
import { type Attack, type Hold, startAttack, toEndpoint } from "../support/clients.ts"
import { byForm, makeRandom, maxFloodHealthMillis, shuffle } from "../support/form.ts"
import { observe } from "../support/observe.ts"
import { startServers } from "../support/servers.ts"

const random = makeRandom("connections")
const { attackers } = inject("shared")
const attackMillis = byForm(90_000, 2500)
const count = 3000

const toBase64 = (text: string) => Buffer.from(text, "latin1").toString("base64")

const quiet: Omit<Hold, "host" | "port"> = {
  kind: "hold",
  connections: count,
  addresses: Array.from({ length: 8 }, (_, n) => `127.0.1.${n + 1}`),
  send: "",
  trickle: "",
  read: "all"
}

const headers = `Host: localhost\r\nAuthorization: Bearer ${attackers[0]}\r\n`

// The header of a TLS record of 512 bytes with a ClientHello, and nothing of the 512 bytes.
const clientHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"

/** `isClosed`: the server must close such connections within the long form. */
const attacks: ReadonlyArray<{
  readonly name: string
  readonly attack: Omit<Hold, "host" | "port"> | Omit<Attack & { readonly kind: "loop" }, "host" | "port">
  readonly isClosed: boolean
  readonly hasTls?: boolean
}> = [
  { name: "idle connections", attack: quiet, isClosed: true },
  {
    name: "half a request",
    attack: { ...quiet, send: toBase64(`GET /apiv1/cores HTTP/1.1\r\n${headers}`) },
    isClosed: true
  },
  {
    name: "headers that never end",
    attack: { ...quiet, send: toBase64(`GET /health HTTP/1.1\r\n${headers}X-Endless: `), trickle: toBase64("a") },
    isClosed: true
  },
  {
    name: "a byte a second",
    attack: { ...quiet, trickle: toBase64(`GET /health HTTP/1.1\r\n${headers}\r\n`) },
    isClosed: true
  },
  {
    name: "a body that never comes",
    // The server closes them after its answer, so they are opened again and again.
    attack: {
      ...quiet,
      connections: 1000,
      send: toBase64(`POST /apiv1/cores HTTP/1.1\r\n${headers}Content-Length: 99999999\r\n\r\n`)
    },
    isClosed: true
  },
  {
    name: "keep-alive flood",
    attack: {
      kind: "loop",
      connections: 64,
      addresses: ["127.0.1.1"],
      paths: ["/health", "/apiv1/cores?limit=1", "/no-such-route", "/apiv1/cores?bad=1"],
      headers: [{}, { authorization: "Bearer unknown" }, { authorization: `Bearer ${attackers[0]}` }]
    },
    isClosed: false
  },
  { name: "unfinished TLS handshakes", attack: { ...quiet, send: toBase64(clientHello) }, isClosed: true, hasTls: true }
]

const servers = await startServers({ nodes: 1, tls: true })

describe("connections without requests", () => {
  const chosen = byForm(attacks, shuffle(attacks, random).slice(0, 4))
  it.each(chosen.map((one) => [one.name, one] as const))("%s", async (name, { attack, hasTls, isClosed }) => {
    const plain = shuffle([servers.cluster, servers.nodes[0]!], random).slice(0, byForm(2, 1))
    for (const target of hasTls === true ? [servers.tls!] : plain) {
      const observed = await observe(servers, target, attack.kind === "loop" ? maxFloodHealthMillis : undefined)
      await using client = await startAttack({ ...attack, ...toEndpoint(target.url) })
      await setTimeout(attackMillis)
      const { closed, opened, requests } = await client.stop()
      await observed.stop(`${target.name}: ${name}`, { opened, closed, requests })
      if (byForm(isClosed, false)) {
        assert.isAtLeast(closed, attack.connections, `closed of ${opened} opened connections`)
      }
      await observed.waitForMemory(`${target.name}: ${name}`)
    }
  })
})
