/** Runs the built `koredump-server` as a process. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { request } from "./Http.ts"

const main = join(import.meta.dirname, "../../../../packages/server/dist/main.js")

/** URL and token of a server, which another process can have started. */
export interface Server {
  readonly url: string
  readonly token?: string | undefined
}

/** A server that this process started. */
export interface StartedServer extends Server, AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** The log lines so far. */
  readonly log: ReadonlyArray<string>
  /** Stops the server. Returns its exit code, or the signal that killed it. */
  readonly stop: (signal?: "SIGTERM" | "SIGKILL") => Promise<number | string>
}

const addressPattern = /https?:\/\/(?:127\.0\.0\.1|\[::1\]|localhost):(\d+)/

// Root without capabilities, like the pods of the DaemonSet.
const withoutCapabilities = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]

// Longer than the grace period of the server.
const graceMillis = 35_000

const startMillis = 20_000

const timeout = (what: string) =>
  new Promise<never>((_, reject) =>
    AbortSignal.timeout(startMillis).addEventListener(
      "abort",
      () => reject(new Error(`${what} within ${startMillis} ms`))
    )
  )

/** Waits until the server has read the cores for the first time. Before that, it answers 503. */
const ready = async (server: Server): Promise<void> => {
  const until = performance.now() + startMillis
  for (;;) {
    const response = await request(server, "/apiv1/cores?limit=1")
    if (response.ok) return
    if (response.status !== 503 || performance.now() > until) throw new Error(`not ready: ${await response.text()}`)
    await response.bytes()
    await setTimeout(20)
  }
}

const waitForExit = async (child: ChildProcess): Promise<number | string> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  return child.exitCode ?? child.signalCode ?? -1
}

/**
 * Starts a server and waits for the first log line, which contains the address. `local` has no token. `node` runs as root
 * without capabilities.
 */
export const startServer = async (
  mode: "local" | "node" | "cluster",
  args: ReadonlyArray<string> = [],
  options: {
    readonly port?: number
    readonly token?: string
    readonly tokenFile?: string
    readonly stripped?: boolean
    /** A command that runs the server, with the server's command line as its last arguments. */
    readonly wrapper?: ReadonlyArray<string>
  } = {}
): Promise<StartedServer> => {
  const command = [process.execPath, main, mode, "--listen", `127.0.0.1:${options.port ?? 0}`, "--log-format", "json"]
  if (mode !== "local") command.push("--ops-listen", "127.0.0.1:0", "--insecure-http")
  if (options.tokenFile !== undefined) command.push("--auth", "token-file", "--token-file", options.tokenFile)
  command.push(...args)
  // Stop the server even if the test run is killed.
  const privileges = options.stripped ?? mode === "node" ? withoutCapabilities : []
  command.unshift(...options.wrapper ?? [], "setpriv", "--pdeathsig=KILL", ...privileges, "--")
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] })
  const log: Array<string> = []
  const stop = async (signal: "SIGTERM" | "SIGKILL" = "SIGTERM") => {
    child.kill(signal)
    const late = AbortSignal.timeout(graceMillis)
    late.addEventListener("abort", () => child.kill("SIGKILL"))
    const exit = await waitForExit(child)
    if (late.aborted) throw new Error(`koredump-server did not exit within ${graceMillis} ms after ${signal}`)
    return exit
  }
  const first = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        log.push(line)
        resolve(log[0]!)
      })
    }
  })
  const ended = waitForExit(child).then((code) =>
    Promise.reject(new Error(`koredump-server exited with ${code}:\n${log.join("\n")}`))
  )
  ended.catch(() => {})
  try {
    const [url, port] = addressPattern.exec(await Promise.race([first, ended, timeout("no log")])) ?? []
    if (url === undefined) throw new Error(`no address in the first log line: ${log[0]}`)
    const server = { url, token: options.token }
    await Promise.race([ready(server), ended])
    return {
      ...server,
      port: Number(port),
      pid: child.pid!,
      log,
      stop,
      [Symbol.asyncDispose]: async () => void await stop("SIGKILL")
    }
  } catch (error) {
    await stop("SIGKILL")
    throw error
  }
}
