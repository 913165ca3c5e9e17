/** A cluster server beside the tests, over nodes that a test scripts, with the real API server behind it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually, runKubectl } from "./Kube.ts"
import { type Program, startProgram } from "./Program.ts"
import type { SimNodes } from "./SimNodes.ts"

/** What the cluster server sends to its nodes instead of its callers' tokens. */
export const nodeToken = "the-cluster-server's-own"

export interface ClusterServer extends Program {
  /** A kubeconfig of the API server. */
  readonly kubeconfig: string
}

/**
 * Starts `koredump-server cluster` with the API server's administrator behind it. Its nodes are those named, or, with a
 * namespace, those that pods there stand for.
 */
export const startCluster = async (
  nodes: SimNodes,
  found: { readonly namespace?: string } = {}
): Promise<ClusterServer> => {
  const dir = await mkdtemp(join(tmpdir(), "koredump-e2e-cluster-"))
  const [kubeconfig, tokenFile] = [join(dir, "kubeconfig"), join(dir, "token")]
  await writeFile(kubeconfig, await runKubectl("config", "view", "--raw", "--flatten"), { mode: 0o600 })
  await writeFile(tokenFile, nodeToken, { mode: 0o600 })
  const directory = found.namespace === undefined
    ? nodes.names.flatMap((name) => ["--node", `${name}=http://${nodes.address(name)}:${nodes.port}`])
    : ["--namespace", found.namespace, "--node-scheme", "http", "--node-port", String(nodes.port)]
  const program = await startProgram("cluster", [
    "--ops-listen",
    "127.0.0.1:0",
    "--auth",
    "kubernetes",
    "--allow-delete",
    "--kubeconfig",
    kubeconfig,
    "--node-token-file",
    tokenFile,
    ...directory
  ])
  return {
    ...program,
    kubeconfig,
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]()
      await rm(dir, { recursive: true })
    }
  }
}

/** Waits until a user sees so many cores. */
export const sees = (url: string, token: string, cores: number, millis = 30_000): Promise<true> =>
  eventually(`${cores} cores`, async () => {
    const response = await fetch(`${url}/apiv1/cores?state=any`, { headers: { authorization: `Bearer ${token}` } })
    const complete = response.ok && response.headers.get("koredump-unreachable") === null
    return complete && (await response.json() as ReadonlyArray<unknown>).length === cores
  }, millis)
