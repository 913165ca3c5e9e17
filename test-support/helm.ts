/** Helm for tests of the chart: from the cache of `node charts/tools.mjs`, or from the PATH. */
import { execFile, spawnSync } from "node:child_process"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const tools = fileURLToPath(new URL("../charts/tools.mjs", import.meta.url))

const directory = (): string => {
  const { status, stdout } = spawnSync(process.execPath, [tools, "--cached"], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : ""
}

const path = [directory(), process.env["PATH"]].filter(Boolean).join(delimiter)
const env = { ...process.env, PATH: path, HELM_CACHE_HOME: join("/nonexistent", "helm"), KUBECONFIG: "/dev/null" }

/** Whether helm is available. Without it, tests of the chart are skipped. */
export const hasHelm = spawnSync("helm", ["version"], { env }).status === 0

/** Runs helm. A failure is in `code` and `stderr`. */
export const helm = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>((resolve) => {
    execFile("helm", args, { env, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
