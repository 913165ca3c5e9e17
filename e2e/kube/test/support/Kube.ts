/** Requests to the Kubernetes API as administrator, with `fetch` and `kubectl proxy`, which supports any kubeconfig. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { promisify } from "node:util"

/** An object of the Kubernetes API, with the fields that tests use. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

/** A pod, with the fields that tests use. */
export interface Pod extends KubeObject {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly annotations?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
  readonly spec: { readonly nodeName?: string }
  readonly status: {
    readonly phase?: string
    readonly podIP?: string
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>
    readonly containerStatuses?: ReadonlyArray<ContainerStatus>
    readonly initContainerStatuses?: ReadonlyArray<ContainerStatus>
  }
}

interface ContainerStatus {
  readonly name: string
  readonly containerID?: string
  readonly imageID: string
  readonly restartCount: number
  readonly state?: { readonly running?: unknown; readonly terminated?: { readonly containerID?: string } }
}

const resources: Readonly<Record<string, string>> = {
  Namespace: "namespaces",
  ServiceAccount: "serviceaccounts",
  Pod: "pods",
  Secret: "secrets",
  Service: "services",
  Deployment: "deployments",
  DaemonSet: "daemonsets",
  StatefulSet: "statefulsets",
  CronJob: "cronjobs",
  Job: "jobs",
  Role: "roles",
  RoleBinding: "rolebindings",
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings"
}

/** The path of an object. */
export const toPath = ({ apiVersion, kind, metadata }: KubeObject): string => {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const namespace = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`
  return `${group}${namespace}/${resources[kind]}/${metadata.name}`
}

/** Sends a request through the proxy that globalSetup starts. An error contains the response of the Kubernetes API. */
export const kube = async <A = KubeObject>(method: string, path: string, body?: unknown, type = "json"): Promise<A> => {
  const response = await fetch(new URL(path, process.env["KOREDUMP_KUBE_PROXY"]), {
    method,
    headers: { "content-type": `application/${type}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return await response.json() as A
}

/** Creates or changes objects, in this order. */
export const apply = async (...objects: ReadonlyArray<KubeObject>): Promise<void> => {
  for (const object of objects) {
    await kube("PATCH", `${toPath(object)}?fieldManager=e2e&force=true`, object, "apply-patch+yaml")
  }
}

/** Deletes an object. With `grace` 0, deletes it immediately. */
export const remove = async (object: KubeObject, grace?: number): Promise<void> => {
  const query = grace === undefined ? "" : `?gracePeriodSeconds=${grace}`
  await kube("DELETE", `${toPath(object)}${query}`, { propagationPolicy: "Background" })
}

/** The pods of a namespace. */
export const pods = async (namespace: string, labels = ""): Promise<ReadonlyArray<Pod>> => {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(labels)}`
  const { items } = await kube<{ readonly items: ReadonlyArray<Omit<Pod, "apiVersion" | "kind">> }>("GET", path)
  // In a list, only the list has apiVersion and kind.
  return items.map((pod) => Object.assign(pod, { apiVersion: "v1", kind: "Pod" }) as Pod)
}

/** One pod. */
export const pod = (namespace: string, name: string): Promise<Pod> =>
  kube<Pod>("GET", `/api/v1/namespaces/${namespace}/pods/${name}`)

/** The log of a pod's container. */
export const readLog = async (namespace: string, name: string): Promise<string> => {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/log`
  return await (await fetch(new URL(path, process.env["KOREDUMP_KUBE_PROXY"]))).text()
}

/** Whether a pod is running and ready. */
export const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status.conditions ?? []).some(({ status, type }) => type === "Ready" && status === "True")

/** Calls `attempt` repeatedly until it returns a result. For states without events. */
export const eventually = async <A>(
  what: string,
  attempt: () => Promise<A | undefined | false>,
  millis = 30_000
): Promise<A> => {
  const until = performance.now() + millis
  let last: unknown
  for (;;) {
    const answer = await attempt().catch((error: unknown) => {
      last = error
    })
    if (answer !== undefined && answer !== false) return answer as A
    if (performance.now() > until) throw new Error(`timed out after ${millis} ms: ${what}`, { cause: last })
    await setTimeout(50)
  }
}

/** A short-lived token of a service account. Default audience: the Kubernetes API. */
export const requestToken = async (namespace: string, name: string, audience?: string): Promise<string> => {
  const request = await kube<{ readonly status: { readonly token: string } }>(
    "POST",
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 3600, ...(audience === undefined ? {} : { audiences: [audience] }) }
    }
  )
  return request.status.token
}

/** kubectl with the version of the cluster, if cluster.sh built it. */
export const kubectl = process.env["KOREDUMP_KUBECTL"] ?? "kubectl"

/** Runs kubectl and returns its stdout. */
export const runKubectl = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)(kubectl, args)).stdout

/** Runs `kubectl proxy` or `kubectl port-forward` on a port of loopback until it is disposed. */
export const serving = async (...args: ReadonlyArray<string>) => {
  const child = spawn("setpriv", ["--pdeathsig=KILL", "--", kubectl, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  const lines = createInterface(child.stdout)
  const [line] = await Promise.race([
    once(lines, "line") as Promise<[string]>,
    once(child, "exit").then(([code]) => Promise.reject(new Error(`kubectl ${args.join(" ")}: exit code ${code}`)))
  ])
  return {
    url: `http://127.0.0.1:${/127\.0\.0\.1:(\d+)/.exec(line)?.[1]}`,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill()
      await once(child, "exit")
    }
  }
}
