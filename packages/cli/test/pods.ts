/** Pods of koredump in a response of the Kubernetes API. */
import type { KoredumpPod } from "../src/status/Deployment.ts"

/** A pod of the chart. Ready, unless `why` gives a reason. */
export const pod = (
  name: string,
  { chart = "koredump-0.4.0", deletionTimestamp, node, phase = "Running", why }: {
    readonly chart?: string
    readonly deletionTimestamp?: string
    readonly node?: string
    readonly phase?: string
    readonly why?: string
  } = {}
): KoredumpPod => ({
  metadata: {
    name,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    labels: { "app.kubernetes.io/instance": "koredump", "helm.sh/chart": chart }
  },
  spec: node === undefined ? {} : { nodeName: node },
  status: {
    phase,
    conditions: [{ type: "Ready", status: why === undefined ? "True" : "False" }],
    containerStatuses: [{ state: why === undefined ? {} : { waiting: { reason: why } } }]
  }
})
