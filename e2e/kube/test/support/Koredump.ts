/** koredump as an administrator installs it: the chart, by Helm. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { eventually, isReady, kube, type KubeObject, type Pod, pods } from "./Kube.ts"
import { programs } from "./Program.ts"

/** koredump's own namespace, and the name of the release. */
export const koredump = "koredump"

/** The chart of this repository. */
export const chart = join(programs.repository, "charts/koredump")

/** The image that the chart names. */
const image = "koredump/koredump:0.0.0"

/** Label selectors of koredump's pods. */
export const nodePods = "koredump.daemonset=1"
export const clusterPods = "koredump.service=1"

/** Runs helm to its end, in koredump's namespace; what it says. */
export const helm = (
  ...args: ReadonlyArray<string>
): Promise<{ readonly stdout: string; readonly stderr: string }> =>
  promisify(execFile)("helm", [...args, "--namespace", koredump], { maxBuffer: 1 << 26 })

/** What the suite asks of the chart beyond its defaults. */
export const settings: ReadonlyArray<string> = ["--set", "allowDelete=true,gracePeriodSeconds=5"]

/** Brings what is installed, or nothing, to what the suite needs, and waits until it is ready. */
export const install = async (): Promise<void> => {
  await helm("upgrade", "--install", koredump, chart, "--create-namespace", "--wait", "--timeout", "3m", ...settings)
}

/** The Service's URL: its cluster IP, for there is no DNS here. */
export const koreapi = async (): Promise<string> => {
  const { spec } = await kube<{ readonly spec: { readonly clusterIP: string } }>(
    "GET",
    `/api/v1/namespaces/${koredump}/services/koreapi`
  )
  return `http://${spec.clusterIP}`
}

/** The ready pod that a node has of koredump. */
export const nodePod = (node: string, other?: Pod): Promise<Pod> =>
  eventually(
    `a node server on ${node}`,
    async () =>
      (await pods(koredump, nodePods)).find((pod) =>
        pod.spec.nodeName === node && isReady(pod) && pod.metadata.uid !== other?.metadata.uid
      ),
    60_000
  )

/** A pod that runs koredumpctl once, where koredump's Service has the name that a cluster's DNS would give it. */
export const ctlPod = (
  { account, name, namespace, service }: {
    readonly namespace: string
    readonly name: string
    readonly account: string
    readonly service: string
  },
  args: ReadonlyArray<string>
): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name },
  spec: {
    serviceAccountName: account,
    restartPolicy: "Never",
    dnsPolicy: "Default",
    hostAliases: [{ ip: service, hostnames: [`koreapi.${koredump}.svc.cluster.local`] }],
    containers: [{ name: "koredumpctl", image, command: ["koredumpctl", ...args] }]
  }
})
