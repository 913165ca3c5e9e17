/** What must hold during every attack. */
import { setTimeout } from "node:timers/promises"
import { assert } from "vitest"
import { list } from "../../host/test/support/Http.ts"
import { type ProbeResult, startProbe } from "./clients.ts"
import { byForm } from "./form.ts"
import { quantile, record } from "./report.ts"
import { getDead, type Servers, type Target } from "./servers.ts"

/**
 * A server may keep this share of its limit after an attack, in addition to its memory after the start. It is not zero,
 * because neither V8 nor malloc return all free memory.
 */
const maxKept = 1 / 4

const sampleMillis = 100

/** The highest values of each server during an attack. */
interface Peak {
  charged: number
  sock: number
  children: number
}

const format = (value: number) => value.toFixed(value < 10 ? 1 : 0)

/** Answers other than 200, by status or error. Requests without an answer are judged by their time only. */
const getFailures = ({ statuses }: ProbeResult) =>
  Object.entries(statuses).filter(([status]) => status !== "200" && status !== "unfinished")

/** The memory that a server keeps, as a share of its limit: that of the server with the highest one. */
const getKept = ({ all }: Servers) =>
  Math.max(...all.map((server) => (server.resident() - server.baseline) / server.cgroup.limit))

/** Watches the servers, another caller's list and `/health` of one of them during an attack. */
export const observe = async (servers: Servers, target: Target, maxHealthMillis = 1000) => {
  const peaks = new Map(servers.all.map((server): [Target, Peak] => [server, { charged: 0, sock: 0, children: 0 }]))
  const sample = () => {
    for (const [server, peak] of peaks) {
      const { charged, sock } = server.cgroup.memory()
      peak.charged = Math.max(peak.charged, charged)
      peak.sock = Math.max(peak.sock, sock)
      // The server and its children are alone in the cgroup.
      peak.children = Math.max(peak.children, server.cgroup.pids().length - 1)
    }
  }
  const sampling = setInterval(sample, sampleMillis)
  await using probes = new AsyncDisposableStack()
  probes.defer(() => clearInterval(sampling))
  const health = probes.use(await startProbe({ kind: "fresh", url: `${target.url}/health`, everyMillis: 200 }))
  const listing = probes.use(
    await startProbe({
      kind: "reuse",
      url: `${target.url}/apiv1/cores?limit=100`,
      token: target.token,
      everyMillis: 50
    })
  )
  const running = probes.move()
  return {
    peaks,
    /** Ends the measurement, and checks and records what was measured. */
    stop: async (name: string, attack: Readonly<Record<string, number | string>> = {}) => {
      const [healths, lists] = await Promise.all([health.stop(), listing.stop()])
      await running.disposeAsync()
      const peak = peaks.get(target)!
      const dead = getDead(servers)
      record(name, {
        ...attack,
        "health max": `${format(quantile(healths.millis, 1))} ms`,
        "list p50": `${format(quantile(lists.millis, 0.5))} ms`,
        p95: `${format(quantile(lists.millis, 0.95))} ms`,
        p99: `${format(quantile(lists.millis, 0.99))} ms`,
        max: `${format(quantile(lists.millis, 1))} ms`,
        charged: `${format(peak.charged)} MiB`,
        sockets: `${format(peak.sock)} MiB`,
        journalctl: peak.children,
        ...dead.length === 0 ? {} : { DIED: dead.join(" and ") }
      })
      assert.deepStrictEqual(dead, [], `servers died:\n${servers.all.map((server) => server.lastLog()).join("\n")}`)
      for (const [{ cgroup: { limit }, name }, { charged }] of peaks) {
        assert.isBelow(charged, limit, `${name}: memory in MiB that cgroup v2 would charge`)
      }
      assert.deepStrictEqual(getFailures(healths), [], "health: answers other than 200")
      assert.isBelow(quantile(healths.millis, 1), maxHealthMillis, "health, maximum in milliseconds")
      assert.deepStrictEqual(getFailures(lists), [], "list of another caller: answers other than 200")
      assert.isBelow(quantile(lists.millis, byForm(0.99, 0.95)), 200, "list of another caller in milliseconds")
    },
    /** Waits until the servers have given back their memory. Call it after the attack. */
    waitForMemory: async (name: string) => {
      const started = performance.now()
      const until = started + byForm(60_000, 15_000)
      while (getKept(servers) > maxKept && performance.now() < until) {
        // Garbage is collected only if there is some work.
        await Promise.all(servers.all.map((server) => list(server, "limit=1000")))
        await setTimeout(sampleMillis)
      }
      const kept = getKept(servers)
      const waited = (performance.now() - started) / 1000
      record(name, { "memory kept": `${format(kept * 100)} % of the limit`, waited: `${format(waited)} s` })
      assert.isAtMost(kept, maxKept, "memory that a server keeps, as a share of its limit")
    }
  }
}
