/** A cluster server with simulated nodes and the real Kubernetes API. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually, runKubectl } from "./Kube.ts"
import { type Program, startProgram } from "./Program.ts"
import type { SimNodes } from "./SimNodes.ts"

/** The token that the cluster server sends to its nodes. */
export const nodeToken = "the-cluster-server's-own"

export interface ClusterServer extends Program {
  /** The path of a kubeconfig. */
  readonly kubeconfig: string
}

/**
 * Starts `koredump-server cluster` with the administrator's kubeconfig. Uses the given nodes, or the pods of a namespace.
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

/** Waits until a user sees this number of cores. */
export const sees = (url: string, token: string, cores: number, millis = 30_000): Promise<true> =>
  eventually(`${cores} cores`, async () => {
    const response = await fetch(`${url}/apiv1/cores?state=any`, { headers: { authorization: `Bearer ${token}` } })
    const complete = response.ok && response.headers.get("koredump-unreachable") === null
    return complete && (await response.json() as ReadonlyArray<unknown>).length === cores
  }, millis)
