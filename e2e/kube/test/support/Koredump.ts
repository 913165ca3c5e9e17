/** Installs koredump with its Helm chart. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { eventually, isReady, kube, type KubeObject, type Pod, pods } from "./Kube.ts"
import { programs } from "./Program.ts"

/** The namespace of koredump and the name of its release. */
export const koredump = "koredump"

/** The path of the chart. */
export const chart = join(programs.repository, "charts/koredump")

/** The default image of the chart. */
const image = "koredump/koredump:0.0.0"

/** Label selectors of koredump's pods. */
export const nodePods = "koredump.daemonset=1"
export const clusterPods = "koredump.service=1"

/** Runs helm in koredump's namespace and returns its output. */
export const helm = (
  ...args: ReadonlyArray<string>
): Promise<{ readonly stdout: string; readonly stderr: string }> =>
  promisify(execFile)("helm", [...args, "--namespace", koredump], { maxBuffer: 1 << 26 })

/** Values that the suite sets. */
export const settings: ReadonlyArray<string> = ["--set", "allowDelete=true,gracePeriodSeconds=5"]

/** Installs or upgrades koredump with the suite's values, and waits until it is ready. */
export const install = async (): Promise<void> => {
  await helm("upgrade", "--install", koredump, chart, "--create-namespace", "--wait", "--timeout", "3m", ...settings)
}

/** The URL of the Service with its cluster IP, because there is no DNS. */
export const koreapi = async (): Promise<string> => {
  const { spec } = await kube<{ readonly spec: { readonly clusterIP: string } }>(
    "GET",
    `/api/v1/namespaces/${koredump}/services/koreapi`
  )
  return `http://${spec.clusterIP}`
}

/** The ready node agent pod of a node. */
export const nodePod = (node: string, other?: Pod): Promise<Pod> =>
  eventually(
    `a node agent on ${node}`,
    async () =>
      (await pods(koredump, nodePods)).find((pod) =>
        pod.spec.nodeName === node && isReady(pod) && pod.metadata.uid !== other?.metadata.uid
      ),
    60_000
  )

/** A pod that runs koredumpctl once. An entry in /etc/hosts replaces DNS for koredump's Service. */
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
