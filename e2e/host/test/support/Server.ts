/** `koredump-server` as a user starts it: the built program, a process of its own. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"

const main = join(import.meta.dirname, "../../../../packages/server/dist/main.js")

/** What a test needs of a server: also of one that another process started. */
export interface Server {
  readonly url: string
  readonly token?: string | undefined
}

/** A line of the server's log. */
export type LogLine = Record<string, unknown>

/** A server that this process started. */
export interface OwnServer extends Server, AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** What it has logged so far, parsed where it is JSON. */
  readonly log: ReadonlyArray<string>
  /** Ends it; its exit code, or the signal that killed it. */
  readonly stop: (signal?: "SIGTERM" | "SIGKILL") => Promise<number | string>
}

const addressPattern = /(?:127\.0\.0\.1|\[::1\]|localhost):(\d+)/

// Root without a single capability: what the DaemonSet's pod is (systemd-facts 26).
const withoutCapabilities = ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]

const exitOf = async (child: ChildProcess): Promise<number | string> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  return child.exitCode ?? child.signalCode ?? -1
}

/**
 * Starts a server and waits for the first line of its log, which has the address. `local` gets no token; `node` runs as
 * root without capabilities.
 */
export const startServer = async (
  mode: "local" | "node",
  args: ReadonlyArray<string> = [],
  options: {
    readonly port?: number
    readonly token?: string
    readonly tokenFile?: string
    readonly stripped?: boolean
  } = {}
): Promise<OwnServer> => {
  const command = [process.execPath, main, mode, "--listen", `127.0.0.1:${options.port ?? 0}`, "--log-format", "json"]
  if (mode === "node") command.push("--ops-listen", "127.0.0.1:0", "--insecure-http")
  if (options.tokenFile !== undefined) command.push("--auth", "token-file", "--token-file", options.tokenFile)
  command.push(...args)
  if (options.stripped ?? mode === "node") command.unshift("setpriv", ...withoutCapabilities)
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"] })
  const log: Array<string> = []
  const port = await new Promise<number>((resolve, reject) => {
    const take = (stream: Readable) =>
      createInterface(stream).on("line", (line) => {
        log.push(line)
        const found = addressPattern.exec(line)?.[1]
        if (found !== undefined) resolve(Number(found))
      })
    take(child.stdout)
    take(child.stderr)
    child.once("error", reject)
    child.once(
      "exit",
      (code, signal) => reject(new Error(`koredump-server ended with ${code ?? signal}:\n${log.join("\n")}`))
    )
    AbortSignal.timeout(20_000).addEventListener("abort", () => reject(new Error(`no address:\n${log.join("\n")}`)))
  }).catch((error: unknown) => {
    child.kill("SIGKILL")
    throw error
  })
  const stop = (signal: "SIGTERM" | "SIGKILL" = "SIGTERM") => {
    child.kill(signal)
    return exitOf(child)
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    token: options.token,
    pid: child.pid!,
    log,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop("SIGKILL")
    }
  }
}
