/** Clients that attack servers or measure them. They are processes of their own; the attackers have a low priority. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

interface Connections {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** The addresses that the connections come from. All of 127.0.0.0/8 is loopback. */
  readonly addresses: ReadonlyArray<string>
}

/** Connections that stay open. */
export interface Hold extends Connections {
  readonly kind: "hold"
  /** What a connection sends first, as Base64. */
  readonly send: string
  /** What it sends then, a byte a second and again from the start, as Base64. */
  readonly trickle: string
  readonly read: "nothing" | "byte" | "all"
}

/** Connections that send requests without a pause, and read the answers. */
export interface Loop extends Connections {
  readonly kind: "loop"
  readonly paths: ReadonlyArray<string>
  /** The headers of the first connection, of the second one, and so on. */
  readonly headers: ReadonlyArray<Readonly<Record<string, string>>>
}

export type Attack = Hold | Loop

/** What an attacker has seen. */
export interface AttackCounts {
  readonly opened: number
  readonly failed: number
  readonly closed: number
  readonly requests: number
  readonly bytes: number
  readonly statuses: Readonly<Record<string, number>>
}

/** A caller whose service is measured. */
export interface Probe {
  /** fresh: each request has its own connection; download: the answer is long, and `bytes` are what counts. */
  readonly kind: "fresh" | "reuse" | "download" | "watch"
  readonly url: string
  readonly token?: string | undefined
  /** The shortest time between two requests, or between two changes of a file. */
  readonly everyMillis?: number
  /** For a watch: core files, and where they belong. */
  readonly files?: ReadonlyArray<readonly [outside: string, inside: string]>
}

/** What a caller has seen. */
export interface ProbeResult {
  /** The duration of each request, or the time until the event of each change. */
  readonly millis: ReadonlyArray<number>
  readonly bytes: number
  /** How many answers had each status or error. */
  readonly statuses: Readonly<Record<string, number>>
  readonly seconds: number
}

/** A running client. It is killed at the end of the scope. */
export interface Client<A> extends AsyncDisposable {
  /** Ends the client and returns what it has counted. */
  readonly stop: () => Promise<A>
}

/** How long a client may take to start, or to send its counts. */
const answerMillis = 60_000

const startClient = async <A>(program: string, options: Attack | Probe, niceness: number): Promise<Client<A>> => {
  const file = join(import.meta.dirname, "programs", program)
  const child: ChildProcess = spawn(
    "nice",
    ["-n", String(niceness), process.execPath, file, JSON.stringify(options)],
    { stdio: ["ignore", "ignore", "inherit", "ipc"] }
  )
  const exited = once(child, "exit").then(([code]) => Promise.reject(new Error(`${program} exited with ${code}`)))
  exited.catch(() => {})
  const receive = async () => {
    const late = AbortSignal.timeout(answerMillis)
    return (await Promise.race([once(child, "message", { signal: late }), exited]))[0] as unknown
  }
  await receive()
  return {
    stop: async () => {
      const result = receive()
      child.send("stop")
      return await result as A
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill("SIGKILL")
      await exited.catch(() => {})
    }
  }
}

/** Starts an attack. */
export const startAttack = (attack: Attack): Promise<Client<AttackCounts>> => startClient("attack.ts", attack, 10)

/** Starts measuring. */
export const startProbe = (probe: Probe): Promise<Client<ProbeResult>> => startClient("probe.ts", probe, 0)

/** Host and port of a URL. */
export const toEndpoint = (url: string): { readonly host: string; readonly port: number } => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}
