/** Runs `koredump-server` as a process, for tests that need no pod. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"

const repository = join(import.meta.dirname, "../../../..")

/** The built programs, and Node.js to run them. */
export const programs = {
  repository,
  node: process.execPath,
  server: join(repository, "packages/server/dist/main.js"),
  ctl: join(repository, "packages/cli/dist/main.js")
}

/** A running server. */
export interface Program extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** The log lines so far. */
  readonly log: ReadonlyArray<string>
}

const startMillis = 20_000

/** Starts a server on loopback and waits until its log contains the address and it is healthy. */
export const startProgram = async (mode: "node" | "cluster", args: ReadonlyArray<string>): Promise<Program> => {
  const command = [programs.node, programs.server, mode, "--listen", "127.0.0.1:0", "--log-format", "json", ...args]
  // Stop the server even if the test run is killed.
  const child = spawn("setpriv", ["--pdeathsig=KILL", "--", ...command], { stdio: ["ignore", "pipe", "pipe"] })
  const log: Array<string> = []
  const listening = Promise.withResolvers<string>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      log.push(line)
      const port = /"Server listening".*127\.0\.0\.1:(\d+)/.exec(line)?.[1]
      if (port !== undefined) listening.resolve(port)
    })
  }
  child.once("exit", (code) => listening.reject(new Error(`koredump-server exited with ${code}:\n${log.join("\n")}`)))
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill("SIGKILL")
    await once(child, "exit")
  }
  try {
    const url = `http://127.0.0.1:${await listening.promise}`
    for (const until = performance.now() + startMillis;;) {
      if ((await fetch(`${url}/health`)).ok) break
      if (performance.now() > until) throw new Error(`not healthy: ${log.join("\n")}`)
      await setTimeout(20)
    }
    return { url, pid: child.pid!, log, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}
