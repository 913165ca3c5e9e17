/** Runs the built `koredumpctl` as a process. */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import type { Server } from "./Server.ts"

const main = join(import.meta.dirname, "../../../../packages/cli/dist/main.js")

interface CtlResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Peak memory in bytes, sampled every 5 milliseconds. */
  readonly peak: number
}

/** A value of /proc/PID/status in bytes. Undefined if the process has ended. */
export const memory = (pid: number, figure: "VmHWM" | "VmRSS" | "RssAnon"): number | undefined => {
  try {
    const kib = new RegExp(`^${figure}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}

/** The options that select the source. */
export const source = (from: Server | "local"): ReadonlyArray<string> =>
  from === "local" ? ["--local"] : ["--server", from.url]

/** Runs koredumpctl. `from` is a server or this host. */
export const ctl = async (
  from: Server | "local",
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly signal?: AbortSignal } = {}
): Promise<CtlResult> => {
  const token = from === "local" ? undefined : from.token
  const child = spawn(process.execPath, [main, ...args, ...source(from)], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, ...(token === undefined ? {} : { KOREDUMP_TOKEN: token }) },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.signal === undefined ? {} : { signal: options.signal })
  })
  let peak = 0
  const sampling = setInterval(() => {
    peak = Math.max(peak, memory(child.pid!, "VmHWM") ?? 0)
  }, 5)
  try {
    const exit = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve))
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
    return { code, stdout, stderr, peak }
  } finally {
    clearInterval(sampling)
  }
}

/** Runs koredumpctl and returns its stdout. Fails if it fails. */
export const ctlOk = async (...args: Parameters<typeof ctl>): Promise<string> => {
  const { code, stdout, stderr } = await ctl(...args)
  if (code !== 0) throw new Error(`koredumpctl ${args[1].join(" ")}: exit code ${code}\n${stderr}`)
  return stdout
}
