/** Access to the nodes and the Kubernetes API server of the suite's own cluster. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const script = join(import.meta.dirname, "../../cluster.sh")

/** The state directory of cluster.sh: keys, logs, PIDs. */
const stateDir = process.env["KOREDUMP_KUBE_STATE"] ?? join(tmpdir(), "koredump-e2e-kube")

/** The two nodes. */
export const nodes = ["node-1", "node-2"] as const

/** Runs `cluster.sh` and returns its stdout. */
export const cluster = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)(script, args, { maxBuffer: 1 << 26 })).stdout

/** Runs a command in the namespaces of a node and returns its stdout. */
export const onNode = (node: string, ...command: ReadonlyArray<string>): Promise<string> =>
  cluster("on", node.slice("node-".length), ...command)

/** Crashes a program on a node, in any cgroup below that of the node. */
export const crashInCgroup = (node: string, path: string): Promise<void> =>
  // The exit code is that of a crash.
  cluster("crash", node.slice("node-".length), path).then(
    () => Promise.reject(new Error("did not crash")),
    (error: { readonly code?: unknown; readonly signal?: unknown }) => {
      if (error.code !== 139 && error.signal !== "SIGSEGV") throw error
    }
  )

/** The path on this machine for `path` on a node. */
export const nodePath = (node: string, path: string): string => join(stateDir, node, path)

/** The PID of a container on this machine. */
export const findPid = async (node: string, containerId: string): Promise<number> => {
  const tasks = await onNode(node, "ctr", "-n", "k8s.io", "tasks", "list")
  const line = tasks.split("\n").find((line) => line.startsWith(containerId.replace("containerd://", "")))
  if (line === undefined) throw new Error(`no task ${containerId} on ${node}:\n${tasks}`)
  return Number(line.trim().split(/\s+/)[1])
}

/** The matching entries of a node's journal with all fields. */
export const journalEntries = async (
  node: string,
  ...matches: ReadonlyArray<string>
): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> =>
  (await onNode(node, "journalctl", "-q", "--no-pager", "-o", "json", "--all", ...matches)).split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** The key that signs service account tokens of this cluster. */
export const signingKey = (): Promise<string> => readFile(join(stateDir, "pki/sa.key"), "utf8")
