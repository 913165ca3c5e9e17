/** The scripts of e2e/host: crashes, and what stands between a crash and its journal entry. */
import { execFile } from "node:child_process"
import { appendFileSync, watch } from "node:fs"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

/** Where the scripts are. */
export const hostDir = join(import.meta.dirname, "../..")

/** Pids, logs, built crashers and temporary files. */
export const stateDir = process.env["KOREDUMP_E2E_STATE"] ?? join(tmpdir(), "koredump-e2e-host")

export const coredumpDir = "/var/lib/systemd/coredump"

/** A crasher's path. */
export const program = (name: string): string => join(stateDir, "bin", name)

/** Runs a program to its end; its stdout. Fails with its stderr. */
export const run = async (command: string, args: ReadonlyArray<string>, env: Record<string, string> = {}) => {
  const { stdout } = await promisify(execFile)(command, args, { env: { ...process.env, ...env }, maxBuffer: 1 << 26 })
  return stdout
}

/** `pipeline.sh`. */
export const pipeline = async (...args: ReadonlyArray<string>): Promise<void> => {
  await run(join(hostDir, "pipeline.sh"), args)
}

/** `crash.sh`: the pid of the crashed program, once the kernel has handed over its core. */
export const crash = async (...args: ReadonlyArray<string>): Promise<number> => {
  const pid = Number(await run(join(hostDir, "crash.sh"), args))
  // run.sh removes the cores of these.
  appendFileSync(join(stateDir, "suite-pids"), `${pid}\n`)
  return pid
}

/** `recompress.sh`: the path of the same core in another compression. */
export const recompress = async (file: string, format: "lz4" | "xz" | "none" | "zstd", dir?: string): Promise<string> =>
  (await run(join(hostDir, "recompress.sh"), [file, format, ...(dir === undefined ? [] : [dir])])).trimEnd()

/** The stored cores of a pid: paths. */
export const coreFiles = async (pid: number): Promise<ReadonlyArray<string>> =>
  (await readdir(coredumpDir)).filter((name) => name.startsWith("core.") && name.split(".")[4] === String(pid))
    .map((name) => join(coredumpDir, name))

/** The stored core of a pid, as soon as it is there. */
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

/** Entries of the journal that match, with all their fields. */
export const journalEntries = async (
  ...matches: ReadonlyArray<string>
): Promise<ReadonlyArray<Record<string, unknown>>> =>
  (await run("journalctl", ["-q", "--no-pager", "-o", "json", "--all", ...matches])).split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
