/** The deployment of koredump in a cluster, from its pods: Helm release, chart, and pods that are not ready. */
import { Schema } from "effect"
import type { Issue } from "./nodeIssues.ts"

/** Numbers of pods. */
export interface PodCount {
  readonly total: number
  readonly ready: number
}

/** The pods of koredump in a namespace. */
export interface Deployment {
  /** The address of the Kubernetes API. It can be another cluster than the koredump server's. */
  readonly server: string
  readonly namespace: string
  /** The Helm release and the chart of each pod that has these labels. */
  readonly releases: ReadonlyArray<string>
  readonly charts: ReadonlyArray<string>
  readonly apiPods: PodCount
  readonly nodePods: PodCount
  readonly issues: ReadonlyArray<Issue>
}

const Conditions = Schema.Array(Schema.Struct({
  type: Schema.String,
  status: Schema.String,
  reason: Schema.optionalKey(Schema.String)
}))

const Reason = Schema.optionalKey(Schema.Struct({ reason: Schema.optionalKey(Schema.String) }))

const Containers = Schema.Array(Schema.Struct({
  state: Schema.optionalKey(Schema.Struct({ waiting: Reason, terminated: Reason }))
}))

const KoredumpPod = Schema.Struct({
  metadata: Schema.Struct({
    name: Schema.String,
    deletionTimestamp: Schema.optionalKey(Schema.String),
    labels: Schema.optionalKey(Schema.Struct({
      "app.kubernetes.io/instance": Schema.optionalKey(Schema.String),
      "helm.sh/chart": Schema.optionalKey(Schema.String)
    }))
  }),
  spec: Schema.Struct({ nodeName: Schema.optionalKey(Schema.String) }),
  status: Schema.Struct({
    phase: Schema.optionalKey(Schema.String),
    conditions: Schema.optionalKey(Conditions),
    initContainerStatuses: Schema.optionalKey(Containers),
    containerStatuses: Schema.optionalKey(Containers)
  })
})

/** The fields of a pod that are used here. */
export type KoredumpPod = typeof KoredumpPod.Type

/** A list of pods in a response of the Kubernetes API. */
export const KoredumpPods = Schema.Struct({ items: Schema.Array(KoredumpPod) })

/** Reasons that every pod has while it starts. Other reasons are more useful. */
const startReasons = new Set(["ContainerCreating", "PodInitializing"])

/** Why a pod is not ready, if possible the reason that Kubernetes reports. Undefined if the pod is ready. */
export const findNotReadyReason = ({ status }: KoredumpPod): string | undefined => {
  const { conditions = [], containerStatuses = [], initContainerStatuses = [], phase } = status
  if (conditions.some(({ status, type }) => type === "Ready" && status === "True")) return undefined
  const states = [...initContainerStatuses, ...containerStatuses].map(({ state }) => state)
  const waiting = states.flatMap((state) => state?.waiting?.reason ?? [])
  // An init container that has finished is "Completed".
  const ended = states.flatMap((state) => state?.terminated?.reason ?? []).find((reason) => reason !== "Completed")
  const unscheduled = conditions.find(({ status, type }) => type === "PodScheduled" && status === "False")
  return waiting.find((reason) => !startReasons.has(reason)) ?? ended ?? unscheduled?.reason ?? waiting[0] ??
    (phase === "Running" ? "its readiness probe has not succeeded" : phase ?? "unknown")
}

/** Whether a pod should be ready: it is not being deleted, and has not ended (for example, evicted). */
const isActive = ({ metadata, status }: KoredumpPod) =>
  metadata.deletionTimestamp === undefined && status.phase !== "Failed" && status.phase !== "Succeeded"

/** The issue of pods that are not ready for the same reason. */
const toPodIssue = (pods: ReadonlyArray<KoredumpPod>, reason: string, namespace: string): Issue => {
  const names = pods.map(({ metadata }) => metadata.name)
  const issue = {
    pods: names,
    nodes: [...new Set(pods.flatMap(({ spec }) => spec.nodeName ?? []))],
    description: `not ready: ${reason}`
  }
  // A command to copy, unless what the Kubernetes API sent is not the name of a pod.
  return /^[a-z0-9][-a-z0-9.]*$/.test(names[0]!)
    ? { ...issue, hint: `See: kubectl describe pod -n ${namespace} ${names[0]}` }
    : issue
}

const findPodIssues = (pods: ReadonlyArray<KoredumpPod>, namespace: string): ReadonlyArray<Issue> => {
  const byReason = Map.groupBy(
    pods.filter((pod) => findNotReadyReason(pod) !== undefined),
    (pod) => findNotReadyReason(pod)!
  )
  return [...byReason].map(([reason, pods]) => toPodIssue(pods, reason, namespace))
}

const countPods = (pods: ReadonlyArray<KoredumpPod>): PodCount => ({
  total: pods.length,
  ready: pods.filter((pod) => findNotReadyReason(pod) === undefined).length
})

/** The deployment that these pods form. */
export const toDeployment = (
  location: Pick<Deployment, "server" | "namespace">,
  allApiPods: ReadonlyArray<KoredumpPod>,
  allNodePods: ReadonlyArray<KoredumpPod>
): Deployment => {
  const apiPods = allApiPods.filter(isActive)
  const nodePods = allNodePods.filter(isActive)
  const pods = [...apiPods, ...nodePods]
  const collectLabel = (name: keyof NonNullable<KoredumpPod["metadata"]["labels"]>) =>
    pods.flatMap(({ metadata }) => metadata.labels?.[name] ?? [])
  return {
    ...location,
    releases: collectLabel("app.kubernetes.io/instance"),
    charts: collectLabel("helm.sh/chart"),
    apiPods: countPods(apiPods),
    nodePods: countPods(nodePods),
    issues: findPodIssues(pods, location.namespace)
  }
}
