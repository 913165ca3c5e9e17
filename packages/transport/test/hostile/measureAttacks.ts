/**
 * Runs all attacks of `attacks.ts` on a cluster source in another process, and prints what each has cost:
 * `npx node --conditions=@koredump/source packages/transport/test/hostile/measureAttacks.ts [SECONDS [NAME…]]`.
 * Exits with 1 if one costs too much.
 */
import { spawn } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { type Attack, attacks, makeHostileNode } from "./attacks.ts"
import type { Cost } from "./clusterProcess.ts"

/** What a node has cost the cluster server. */
export interface AttackCost {
  readonly name: string
  readonly cost: Cost
}

/** The limits for one hostile node. */
export const limits = { turnMillis: 100, peakMiB: 64 }

const serve = async (attack?: Attack) => {
  const server = createServer(makeHostileNode(attack)).listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Runs the attacks with these names one after another, each for some seconds. The first cost is that of a good node. */
export const measureAttacks = async (
  seconds: number,
  names: ReadonlyArray<string> = Object.keys(attacks)
): Promise<ReadonlyArray<AttackCost>> => {
  const nodes = await Promise.all([undefined, ...names.map((name) => attacks[name]!)].map(serve))
  const program = fileURLToPath(new URL("clusterProcess.ts", import.meta.url))
  const child = spawn(process.execPath, [
    "--expose-gc",
    "--conditions=@koredump/source",
    program,
    nodes[0]!.url,
    String(seconds),
    ...nodes.slice(1).map(({ url }) => url)
  ], { stdio: ["ignore", "pipe", "inherit"] })
  const output = await text(child.stdout)
  for (const { server } of nodes) {
    server.closeAllConnections()
    server.close()
  }
  const costs = output.trim().split("\n").map((line) => JSON.parse(line) as Cost)
  return ["a good node", ...names].map((name, i) => ({ name, cost: costs[i]! }))
}

/** Whether a node has cost too much. */
export const isOverLimit = ({ cost: { peakMiB, turnMillis } }: AttackCost): boolean =>
  turnMillis > limits.turnMillis || peakMiB > limits.peakMiB

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [seconds = "5", ...names] = process.argv.slice(2)
  const costs = await measureAttacks(Number(seconds), names.length === 0 ? undefined : names)
  for (const { cost: { answered, delayMillis, peakMiB, turnMillis }, name } of costs) {
    process.stdout.write(
      `${name}: longest turn ${turnMillis} ms of CPU, ${peakMiB} MiB; longest delay ${delayMillis} ms; ` +
        `metadata received ${answered} times\n`
    )
  }
  if (costs.some(isOverLimit)) process.exitCode = 1
}
