/** Pods that crash. */
import type { KubeObject } from "./Kube.ts"

/** A container that crashes `times` times, `millis` after each start, and then waits or exits successfully. */
export const crashing = (
  name: string,
  { env = {}, millis = 300, ends = false, times = 1 }: {
    readonly times?: number
    readonly millis?: number
    readonly ends?: boolean
    readonly env?: Readonly<Record<string, string>>
  } = {}
) => ({
  name,
  image: "koredump.test/crash:1",
  imagePullPolicy: "Never",
  command: ["/crash", String(times), String(millis), `/starts/${name}`, ...(ends ? ["exit"] : [])],
  env: Object.entries(env).map(([name, value]) => ({ name, value })),
  // Survives restarts of the container, to count them.
  volumeMounts: [{ name: "starts", mountPath: "/starts" }]
})

type Container = ReturnType<typeof crashing>

/** The specification of a pod with these containers. */
export const podSpec = (
  containers: ReadonlyArray<Container>,
  more: {
    readonly node?: string
    readonly initContainers?: ReadonlyArray<Container>
    readonly restartPolicy?: string
  } = {}
) => {
  const { node, ...rest } = more
  return {
    ...rest,
    ...(node === undefined ? {} : { nodeSelector: { "kubernetes.io/hostname": node } }),
    dnsPolicy: "Default",
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers,
    volumes: [{ name: "starts", emptyDir: {} }]
  }
}

/** A single pod. */
export const podObject = (namespace: string, name: string, spec: ReturnType<typeof podSpec>): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name },
  spec
})

/** A Deployment or a StatefulSet. */
export const workload = (
  kind: "Deployment" | "StatefulSet",
  namespace: string,
  name: string,
  spec: ReturnType<typeof podSpec>,
  replicas = 1
): KubeObject => ({
  apiVersion: "apps/v1",
  kind,
  metadata: { namespace, name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec },
    ...(kind === "StatefulSet" ? { serviceName: name } : {})
  }
})

/** A CronJob that runs every minute. */
export const cronJob = (namespace: string, name: string, spec: ReturnType<typeof podSpec>): KubeObject => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: { namespace, name },
  spec: {
    schedule: "* * * * *",
    jobTemplate: { spec: { backoffLimit: 0, template: { spec: { ...spec, restartPolicy: "Never" } } } }
  }
})
