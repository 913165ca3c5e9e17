/** What only the suite's own cluster can: its nodes, and the life of its API server. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const script = join(import.meta.dirname, "../../cluster.sh")

/** What the bring-up keeps: keys, logs, pids. */
export const stateDir = process.env["KOREDUMP_KUBE_STATE"] ?? join(tmpdir(), "koredump-e2e-kube")

/** The two nodes. */
export const nodes = ["node-1", "node-2"] as const

/** `cluster.sh`; its stdout. */
export const cluster = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)(script, args, { maxBuffer: 1 << 26 })).stdout

/** A command in the namespaces of a node; its stdout. */
export const onNode = (node: string, ...command: ReadonlyArray<string>): Promise<string> =>
  cluster("on", node.slice("node-".length), ...command)

/** A program crashes on a node, in a cgroup below the node's: what no runtime of this cluster would make. */
export const crashInCgroup = (node: string, path: string): Promise<void> =>
  // Its exit code is that of a crash.
  cluster("crash", node.slice("node-".length), path).then(
    () => Promise.reject(new Error("did not crash")),
    (error: { readonly code?: unknown; readonly signal?: unknown }) => {
      if (error.code !== 139 && error.signal !== "SIGSEGV") throw error
    }
  )

/** Where a node keeps what is at `path` for it. */
export const nodePath = (node: string, path: string): string => join(stateDir, node, path)

/** The process of a container, as the machine numbers it. */
export const pidOf = async (node: string, containerId: string): Promise<number> => {
  const tasks = await onNode(node, "ctr", "-n", "k8s.io", "tasks", "list")
  const line = tasks.split("\n").find((line) => line.startsWith(containerId.replace("containerd://", "")))
  if (line === undefined) throw new Error(`no task ${containerId} on ${node}:\n${tasks}`)
  return Number(line.trim().split(/\s+/)[1])
}

/** Entries of a node's journal that match, with all their fields. */
export const journalEntries = async (
  node: string,
  ...matches: ReadonlyArray<string>
): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> =>
  (await onNode(node, "journalctl", "-q", "--no-pager", "-o", "json", "--all", ...matches)).split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** The key that signs the tokens of this cluster's service accounts. */
export const signingKey = (): Promise<string> => readFile(join(stateDir, "pki/sa.key"), "utf8")
