/**
 * koredump as it runs in a cluster: a DaemonSet of node servers, a Deployment of the cluster server behind the Service
 * `koreapi`, each with a service account and the rights that it needs. The programs are those of this repository, run
 * with the machine's own libraries.
 */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { everything, everythingOnNodes, grant, namespace, serviceAccount } from "./Access.ts"
import { apply, eventually, isReady, kube, type KubeObject, type Pod, pods } from "./Kube.ts"
import { programs } from "./Program.ts"

/** koredump's own namespace. */
export const koredump = "koredump"

/** The name in the certificates of the node servers, which are called by their addresses. */
const nodeServerName = "koredump-node"

const run = promisify(execFile)

/** A certificate authority and a certificate of the node servers. */
const makeCertificates = async () => {
  const dir = await mkdtemp(join(tmpdir(), "koredump-e2e-tls-"))
  const openssl = (...args: ReadonlyArray<string>) => run("openssl", args, { cwd: dir })
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  try {
    await openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=e2e")
    await openssl("req", ...key, "-keyout", "tls.key", "-out", "tls.csr", "-subj", `/CN=${nodeServerName}`)
    await writeFile(join(dir, "names"), `subjectAltName=DNS:${nodeServerName}`)
    await openssl(
      "x509",
      "-req",
      "-in",
      "tls.csr",
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      "names",
      "-out",
      "tls.crt"
    )
    const files = ["ca.crt", "tls.crt", "tls.key"]
    const contents = await Promise.all(files.map((file) => readFile(join(dir, file), "base64")))
    return Object.fromEntries(files.map((file, i) => [file, contents[i]!]))
  } finally {
    await rm(dir, { recursive: true })
  }
}

const secret = (name: string, data: Readonly<Record<string, string>>): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace: koredump, name },
  data
})

/** What a container needs to run the programs of this repository: its Node, and the machine's libraries. */
const ownMounts = (): ReadonlyArray<Mount> => [hostPath("usr", "/usr"), hostPath("repository", programs.repository)]

/** The volumes of a pod with these mounts, and its container's part of them. */
const mounted = (mounts: ReadonlyArray<Mount>) => ({
  volumes: mounts.map(({ name, volume }) => Object.assign({ name }, volume)),
  volumeMounts: mounts.map(({ name, path, writable }) => ({ name, mountPath: path, readOnly: writable !== true }))
})

/** A pod that runs koredumpctl once, where koredump's Service has the name that a cluster's DNS would give it. */
export const ctlPod = (
  { account, name, namespace, service }: {
    readonly namespace: string
    readonly name: string
    readonly account: string
    readonly service: string
  },
  args: ReadonlyArray<string>
): KubeObject => {
  const { volumeMounts, volumes } = mounted(ownMounts())
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name },
    spec: {
      serviceAccountName: account,
      restartPolicy: "Never",
      dnsPolicy: "Default",
      hostAliases: [{ ip: service, hostnames: [`koreapi.${koredump}.svc.cluster.local`] }],
      containers: [{
        name: "koredumpctl",
        image: "koredump.test/host:1",
        imagePullPolicy: "Never",
        command: [programs.node, programs.ctl, ...args],
        volumeMounts
      }],
      volumes
    }
  }
}

interface Mount {
  readonly name: string
  readonly path: string
  readonly volume: Readonly<Record<string, unknown>>
  readonly writable?: boolean
}

const hostPath = (name: string, path: string, writable = false): Mount => ({
  name,
  path,
  volume: { hostPath: { path } },
  writable
})

const tls = (name: string): Mount => ({ name: "tls", path: "/tls", volume: { secret: { secretName: name } } })

const tokenPath = "/var/run/secrets/koredump"

/** A pod of one container that runs koredump-server, root without any capability, from this repository. */
const podOf = (
  name: string,
  args: ReadonlyArray<string>,
  mounts: ReadonlyArray<Mount>,
  more: Readonly<Record<string, unknown>> = {}
) => {
  const { volumeMounts, volumes } = mounted([...ownMounts(), ...mounts])
  return {
    serviceAccountName: name,
    dnsPolicy: "Default",
    terminationGracePeriodSeconds: 5,
    ...more,
    containers: [{
      name,
      image: "koredump.test/host:1",
      imagePullPolicy: "Never",
      command: [programs.node, programs.server],
      args,
      env: [{ name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
      readinessProbe: { httpGet: { path: "/readyz", port: 8081 }, periodSeconds: 1 },
      securityContext: {
        runAsUser: 0,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] }
      },
      volumeMounts
    }],
    volumes
  }
}

const workload = (kind: string, name: string, labels: Readonly<Record<string, string>>, spec: unknown): KubeObject => ({
  apiVersion: "apps/v1",
  kind,
  metadata: { namespace: koredump, name },
  spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } }
})

/** What node servers are told by the settings that a chart would have. */
const nodeArgs = ["node", "--auth", "kubernetes", "--tls-cert", "/tls/tls.crt", "--tls-key", "/tls/tls.key"]

const reviews = [
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] }
]
const readPods = { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] }

/** Label selectors of koredump's pods. */
export const nodePods = "koredump.daemonset=1"
export const clusterPods = "koredump.service=1"

/** The DaemonSet; `args` are added to what the node servers are told. */
export const nodeServers = (...args: ReadonlyArray<string>): KubeObject =>
  workload(
    "DaemonSet",
    "node",
    { "koredump.daemonset": "1" },
    podOf("node", [...nodeArgs, "--allow-delete", ...args], [
      tls("node-tls"),
      // With deletion on it must be writable.
      hostPath("coredumps", "/var/lib/systemd/coredump", true),
      hostPath("state", "/var/lib/koredump", true),
      hostPath("persistent-journal", "/var/log/journal"),
      hostPath("volatile-journal", "/run/log/journal"),
      hostPath("machine-id", "/etc/machine-id"),
      hostPath("containers", "/var/log/containers"),
      hostPath("pods", "/var/log/pods")
    ])
  )

const clusterServer = workload(
  "Deployment",
  "cluster",
  { "koredump.service": "1" },
  podOf("cluster", [
    "cluster",
    "--auth",
    "kubernetes",
    "--insecure-http",
    "--allow-delete",
    "--node-ca",
    "/tls/ca.crt",
    "--node-server-name",
    nodeServerName,
    "--node-token-file",
    `${tokenPath}/token`
  ], [
    tls("node-ca"),
    {
      name: "token",
      path: tokenPath,
      volume: { projected: { sources: [{ serviceAccountToken: { audience: "koredump-node", path: "token" } }] } }
    }
  ], { nodeSelector: { "kubernetes.io/hostname": "node-2" } })
)

const service: KubeObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: koredump, name: "koreapi" },
  spec: { selector: { "koredump.service": "1" }, ports: [{ port: 80, targetPort: 5000 }] }
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

/** The certificates of the node servers; those that are there already stay, for a change would take a minute to arrive. */
const secrets = async (): Promise<ReadonlyArray<KubeObject>> => {
  const path = `/api/v1/namespaces/${koredump}/secrets/node-tls`
  if (await kube("GET", path).then(() => true, () => false)) return []
  const certificates = await makeCertificates()
  return [
    secret("node-tls", { "tls.crt": certificates["tls.crt"]!, "tls.key": certificates["tls.key"]! }),
    secret("node-ca", { "ca.crt": certificates["ca.crt"]! })
  ]
}

/** Installs koredump and waits until it is ready; the Service's URL. */
export const install = async (): Promise<string> => {
  await apply(
    namespace(koredump),
    serviceAccount(koredump, "node"),
    serviceAccount(koredump, "cluster"),
    ...grant({ namespace: koredump, name: "node" }, [...reviews, readPods]),
    ...grant({ namespace: koredump, name: "cluster" }, [
      ...reviews,
      { ...readPods, namespace: koredump },
      everything(),
      everythingOnNodes
    ]),
    ...await secrets(),
    nodeServers(),
    clusterServer,
    service
  )
  await eventually("koredump's pods", async () => {
    const all = await pods(koredump)
    return all.length === 3 && all.every(isReady)
  }, 90_000)
  const { spec } = await kube<{ readonly spec: { readonly clusterIP: string } }>(
    "GET",
    `/api/v1/namespaces/${koredump}/services/koreapi`
  )
  return `http://${spec.clusterIP}`
}
