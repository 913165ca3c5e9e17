/** A cluster server and its node agents, each in a cgroup with the memory limit of the chart. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterAll, beforeEach, inject } from "vitest"
import { parse } from "yaml"
import { memory as processMemory } from "../../host/test/support/Ctl.ts"
import { list } from "../../host/test/support/Http.ts"
import { type Server, type StartedServer, startServer } from "../../host/test/support/Server.ts"
import { type Cgroup, makeCgroup } from "./Cgroup.ts"
import { coreCount } from "./host.ts"

const chart = parse(readFileSync(join(import.meta.dirname, "../../../charts/koredump/values.yaml"), "utf8")) as Record<
  "node" | "cluster",
  { readonly resources: { readonly limits: { readonly memory: string } } }
>

/** The memory limit of the chart in MiB. */
const getLimit = (mode: "node" | "cluster"): number => {
  const { memory } = chart[mode].resources.limits
  const [, amount, unit] = /^(\d+)([MG])i$/.exec(memory) ?? []
  if (amount === undefined) throw new Error(`unknown memory limit in the chart: ${memory}`)
  return Number(amount) * (unit === "G" ? 1024 : 1)
}

/** A server under test. */
export interface Target extends Server {
  readonly name: string
  readonly opsUrl: string
  readonly pid: number
  readonly cgroup: Cgroup
  readonly isAlive: () => boolean
  /** Resident memory in MiB. */
  readonly resident: () => number
  /** Resident memory after the start. */
  baseline: number
  readonly lastLog: () => string
}

/** All servers under test. The cluster server comes first. */
export interface Servers extends AsyncDisposable {
  readonly cluster: Target
  readonly nodes: ReadonlyArray<Target>
  readonly tls: Target | undefined
  readonly all: ReadonlyArray<Target>
}

const opsAddress = (server: StartedServer): string => {
  const line = server.log.find((text) => text.includes("Ops server listening"))
  const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line ?? "")?.[0]
  if (address === undefined) throw new Error(`no ops address in the log:\n${server.log.join("\n")}`)
  return address
}

const isRunning = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")
  } catch {
    return false
  }
}

/** Moves the server into its cgroup. Millions of access log lines would slow down this process, so they are left out. */
const wrap = ({ procs }: Cgroup): ReadonlyArray<string> => [
  "bash",
  "-c",
  `exec > >(exec grep --line-buffered -vE '"message":"(request|audit)"') 2>&1 && echo $$ >${procs} && exec "$@"`,
  "bash"
]

const start = async (
  stack: AsyncDisposableStack,
  name: string,
  mode: "cluster" | "node",
  args: ReadonlyArray<string>
): Promise<Target> => {
  const { tokenFile, victim } = inject("shared")
  const cgroup = stack.use(makeCgroup(name, getLimit(mode)))
  const server = stack.use(await startServer(mode, args, { token: victim, tokenFile, wrapper: wrap(cgroup) }))
  return {
    name,
    url: server.url,
    token: victim,
    opsUrl: opsAddress(server),
    pid: server.pid,
    cgroup,
    isAlive: () => isRunning(server.pid) && cgroup.oomKills() === 0,
    baseline: 0,
    resident: () => (processMemory(server.pid, "VmRSS") ?? 0) / 1024 / 1024,
    lastLog: () => server.log.slice(-3).join("\n")
  }
}

/** Waits until a server lists all cores with their journal entries. */
const waitForCores = async (server: Target, count: number): Promise<void> => {
  for (const until = performance.now() + 60_000;;) {
    const cores = await list(server, "state=present&fields=id")
    if (cores.length >= count) return
    if (performance.now() > until) throw new Error(`${server.name} lists ${cores.length} of ${count} cores`)
    await setTimeout(100)
  }
}

/** Which servers to start: some node agents and their cluster server, and possibly a node agent with TLS. */
interface Options {
  readonly nodes: number
  readonly tls?: boolean
}

const launch = async (options: Options): Promise<Servers> => {
  const { nodeTokenFile, path, root } = inject("shared")
  await using stack = new AsyncDisposableStack()
  const startNode = (name: string, ...more: ReadonlyArray<string>) =>
    start(stack, name, "node", ["--root", root, "--node-name", name, "--state-dir", join(path, name), ...more])
  const names = Array.from({ length: options.nodes }, (_, n) => `worker-${n + 1}`)
  const nodes = await Promise.all(names.map((name) => startNode(name)))
  const cluster = await start(stack, "cluster", "cluster", [
    ...nodes.map(({ name, url }) => `--node=${name}=${url}`),
    `--node-token-file=${nodeTokenFile}`
  ])
  // run.sh makes Node.js trust this certificate.
  const files = process.env["SOAK_TLS"]
  const tls = options.tls === true
    ? await startNode("tls", `--tls-cert=${files}/tls.crt`, `--tls-key=${files}/tls.key`)
    : undefined
  const all = [cluster, ...nodes, ...tls === undefined ? [] : [tls]]
  await Promise.all(
    all.map((server) => waitForCores(server, server === cluster ? coreCount * options.nodes : coreCount))
  )
  for (const server of all) server.baseline = server.resident()
  const started = stack.move()
  return { cluster, nodes, tls, all, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

/** The names of servers that have died. */
export const getDead = ({ all }: Servers): ReadonlyArray<string> =>
  all.filter((server) => !server.isAlive()).map(({ name }) => name)

/** Waits until all servers answer quickly again, so that a failed test does not affect the next one. */
const waitUntilCalm = async ({ all }: Servers): Promise<void> => {
  for (let calm = 0, tries = 0; calm < 5 && tries < 100; tries++) {
    const started = performance.now()
    await Promise.all(all.map((server) => list(server, "limit=1").catch(() => [])))
    calm = performance.now() - started < 100 ? calm + 1 : 0
    await setTimeout(50)
  }
}

/** Starts servers, and waits until all cores are listed. Before each test, `servers` are replaced if one has died. */
export const startServers = async (options: Options): Promise<Servers> => {
  const state = { running: await launch(options) }
  beforeEach(async () => {
    if (getDead(state.running).length === 0) return waitUntilCalm(state.running)
    await state.running[Symbol.asyncDispose]()
    state.running = await launch(options)
    Object.assign(servers, state.running)
  })
  afterAll(() => state.running[Symbol.asyncDispose]())
  const servers = { ...state.running }
  return servers
}
