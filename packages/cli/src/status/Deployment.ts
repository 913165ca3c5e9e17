/** What koredump's own pods tell: the Helm release, the chart, and which of them are not ready. */
import { Schema } from "effect"
import type { Trouble } from "./nodeIssues.ts"

/** How many pods there are, and how many of them are ready. */
export interface PodCount {
  readonly total: number
  readonly ready: number
}

/** What runs of koredump in a namespace. */
export interface Deployed {
  /** The API server that was asked: the kubeconfig's may be another cluster's than the koredump server. */
  readonly server: string
  readonly namespace: string
  /** Helm releases and charts of the pods, one for each pod that tells. */
  readonly releases: ReadonlyArray<string>
  readonly charts: ReadonlyArray<string>
  readonly apiPods: PodCount
  readonly nodePods: PodCount
  readonly troubles: ReadonlyArray<Trouble>
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

/** Of a pod what is told here. */
export type KoredumpPod = typeof KoredumpPod.Type

/** A list of them, as the API server answers. */
export const KoredumpPods = Schema.Struct({ items: Schema.Array(KoredumpPod) })

/** Reasons of every pod's first seconds: others say more. */
const beginning = new Set(["ContainerCreating", "PodInitializing"])

/** Why a pod is not ready, in Kubernetes' own words where it has any; undefined where it is ready. */
export const whyNotReady = ({ status }: KoredumpPod): string | undefined => {
  const { conditions = [], containerStatuses = [], initContainerStatuses = [], phase } = status
  if (conditions.some(({ status, type }) => type === "Ready" && status === "True")) return undefined
  const states = [...initContainerStatuses, ...containerStatuses].map(({ state }) => state)
  const waiting = states.flatMap((state) => state?.waiting?.reason ?? [])
  // Of an init container that is done "Completed" is no trouble.
  const ended = states.flatMap((state) => state?.terminated?.reason ?? []).find((reason) => reason !== "Completed")
  const unscheduled = conditions.find(({ status, type }) => type === "PodScheduled" && status === "False")
  return waiting.find((reason) => !beginning.has(reason)) ?? ended ?? unscheduled?.reason ?? waiting[0] ??
    (phase === "Running" ? "it runs, but does not say that it is ready" : phase ?? "unknown")
}

/** Those that have ended (evicted, say) or are about to are none of those that should be ready. */
const counts = ({ metadata, status }: KoredumpPod) =>
  metadata.deletionTimestamp === undefined && status.phase !== "Failed" && status.phase !== "Succeeded"

const troublesOfPods = (pods: ReadonlyArray<KoredumpPod>, namespace: string): ReadonlyArray<Trouble> => {
  const byReason = Map.groupBy(pods.filter((pod) => whyNotReady(pod) !== undefined), (pod) => whyNotReady(pod)!)
  return [...byReason].map(([reason, pods]) => ({
    pods: pods.map(({ metadata }) => metadata.name),
    nodes: [...new Set(pods.flatMap(({ spec }) => spec.nodeName ?? []))],
    what: `not ready: ${reason}`,
    advice: `See: kubectl describe pod -n ${namespace} ${pods[0]!.metadata.name}`
  }))
}

const countOf = (pods: ReadonlyArray<KoredumpPod>): PodCount => ({
  total: pods.length,
  ready: pods.filter((pod) => whyNotReady(pod) === undefined).length
})

/** What these pods come to. */
export const deployedOf = (
  from: Pick<Deployed, "server" | "namespace">,
  allApiPods: ReadonlyArray<KoredumpPod>,
  allNodePods: ReadonlyArray<KoredumpPod>
): Deployed => {
  const apiPods = allApiPods.filter(counts)
  const nodePods = allNodePods.filter(counts)
  const pods = [...apiPods, ...nodePods]
  const label = (name: keyof NonNullable<KoredumpPod["metadata"]["labels"]>) =>
    pods.flatMap(({ metadata }) => metadata.labels?.[name] ?? [])
  return {
    ...from,
    releases: label("app.kubernetes.io/instance"),
    charts: label("helm.sh/chart"),
    apiPods: countOf(apiPods),
    nodePods: countOf(nodePods),
    troubles: troublesOfPods(pods, from.namespace)
  }
}
