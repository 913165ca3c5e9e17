/** Runs the scripts of e2e/host. */
import { execFile } from "node:child_process"
import { appendFileSync, watch } from "node:fs"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** The directory of the scripts. */
export const hostDir = join(import.meta.dirname, "../..")

/** The directory for PIDs, logs, built programs and temporary files. */
export const stateDir = process.env["KOREDUMP_E2E_STATE"] ?? join(tmpdir(), "koredump-e2e-host")

export const coredumpDir = "/var/lib/systemd/coredump"

/** The path of a program that crashes. */
export const program = (name: string): string => join(stateDir, "bin", name)

/** Runs a program and returns its stdout. Fails with its stderr. */
export const run = async (command: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 })
  return stdout
}

/** Runs `pipeline.sh`. */
export const pipeline = async (...args: ReadonlyArray<string>): Promise<void> => {
  await run(join(hostDir, "pipeline.sh"), args)
}

/** Runs `crash.sh`. Returns the PID of the crashed program. */
export const crash = async (...args: ReadonlyArray<string>): Promise<number> => {
  const pid = Number(await run(join(hostDir, "crash.sh"), args))
  // run.sh deletes the cores of these PIDs.
  appendFileSync(join(stateDir, "suite-pids"), `${pid}\n`)
  return pid
}

/** Runs `recompress.sh`. Returns the path of the new file. */
export const recompress = async (file: string, format: "lz4" | "xz" | "none" | "zstd", dir?: string): Promise<string> =>
  (await run(join(hostDir, "recompress.sh"), [file, format, ...(dir === undefined ? [] : [dir])])).trimEnd()

/** The paths of the core files of a PID. */
export const coreFiles = async (pid: number): Promise<ReadonlyArray<string>> =>
  (await readdir(coredumpDir)).filter((name) => name.startsWith("core.") && name.split(".")[4] === String(pid))
    .map((name) => join(coredumpDir, name))

/** Waits for the core file of a PID and returns its path. */
export const coreFile = async (pid: number, millis = 20_000): Promise<string> => {
  const abort = AbortSignal.timeout(millis)
  const changes = watch(coredumpDir, { signal: abort })
  const changed = () => new Promise<void>((resolve) => changes.once("change", () => resolve()))
  const failed = new Promise<never>((_, reject) => changes.once("error", reject))
  failed.catch(() => {})
  try {
    for (;;) {
      const next = changed()
      const [file] = await coreFiles(pid)
      if (file !== undefined) return file
      await Promise.race([next, failed])
    }
  } finally {
    changes.close()
  }
}

/** The matching journal entries with all fields. */
export const journalEntries = async (
  ...matches: ReadonlyArray<string>
): Promise<ReadonlyArray<Record<string, unknown>>> =>
  (await run("journalctl", ["-q", "--no-pager", "-o", "json", "--all", ...matches])).split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
