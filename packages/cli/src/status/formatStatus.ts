/** The status as text, and as a value for JSON and YAML. */
import type { NodeStatus } from "@koredump/core"
import { CommandError } from "../text/CommandError.ts"
import { escapeHidden } from "../text/escape.ts"
import { type Field, formatFields } from "../text/formatFields.ts"
import { formatCount, withoutPeriod } from "../text/sentence.ts"
import { paint } from "../text/terminalText.ts"
import { formatBytes } from "../text/units.ts"
import { checkCorePattern, type CorePatternSupport } from "./checkCorePattern.ts"
import type { Deployment, PodCount } from "./Deployment.ts"
import type { Issue } from "./nodeIssues.ts"
import type { UnavailableDeployment } from "./queryKubernetes.ts"
import type { ServerStatus } from "./queryServerStatus.ts"

/** Everything that `status` shows. */
export interface StatusReport {
  /** The server's address. Undefined for the cores of this host. */
  readonly server: string | undefined
  /** Undefined if the server does not report it. */
  readonly serverVersion?: string | undefined
  /** The version of koredumpctl. */
  readonly version: string
  /** The error if the server is not usable. */
  readonly status: ServerStatus | CommandError
  /** Undefined without a connection to the Kubernetes API. */
  readonly kubernetes?: Deployment | UnavailableDeployment | undefined
}

const maxNames = 5
const maxIssues = 20

/** Counts each value, the most frequent first. */
const tally = (values: ReadonlyArray<string>): ReadonlyArray<readonly [value: string, count: number]> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].toSorted((a, b) => b[1] - a[1])
}

const distinct = (values: ReadonlyArray<string>) => tally(values).map(([value]) => value)

const formatNames = (names: ReadonlyArray<string>): string => {
  const more = names.length - maxNames
  return names.slice(0, maxNames).map(escapeHidden).join(", ") + (more > 0 ? ` and ${more} more` : "")
}

/** `a`, or `a (2), b (1)` for different values. */
const formatTally = (values: ReadonlyArray<string>): string =>
  tally(values).map(([value, count]) =>
    count === values.length ? escapeHidden(value) : `${escapeHidden(value)} (${count})`
  ).join(", ")

const nodeStates = ["ready", "syncing", "unreachable"] as const

const formatNodeStates = ({ nodes, nodesUnavailableReason }: ServerStatus): string =>
  nodes === undefined
    ? nodesUnavailableReason!
    : nodes.length === 0
    ? "none"
    : `${nodes.length} (${
      nodeStates.map((state) => [nodes.filter((node) => node.state === state).length, state] as const)
        .filter(([count]) => count > 0).map((pair) => pair.join(" ")).join(", ")
    })`

/** Undefined if the node does not report its core pattern. */
const toPatternSupport = ({ corePattern }: NodeStatus): CorePatternSupport | undefined =>
  corePattern === undefined ? undefined : checkCorePattern(corePattern)

const patternLabels: Readonly<Record<CorePatternSupport, string>> = {
  yes: "systemd-coredump",
  no: "not systemd-coredump",
  unknown: "unknown program"
}

const formatPatterns = (nodes: ReadonlyArray<NodeStatus>): string =>
  formatTally(nodes.map((node) => {
    const support = toPatternSupport(node)
    return support === undefined ? "not reported" : patternLabels[support]
  }))

const formatAgentVersions = (nodes: ReadonlyArray<NodeStatus>) =>
  formatTally(nodes.map(({ agentVersion }) => agentVersion ?? "version not reported"))

const formatPodCount = ({ ready, total }: PodCount) => total === 0 ? "none" : `${ready} of ${total} ready`

const formatCharts = (charts: ReadonlyArray<string>): string => {
  const counts = tally(charts)
  if (counts.length === 1) return ` (chart ${escapeHidden(charts[0]!)})`
  const each = counts.map(([chart, count]) => `${formatCount(count, "pod")} of chart ${escapeHidden(chart)}`)
  return counts.length === 0 ? "" : ` (rollout: ${each.join(", ")})`
}

const toKubernetesFields = (kubernetes: StatusReport["kubernetes"]): ReadonlyArray<Field> => {
  if (kubernetes === undefined) return []
  if ("unavailableReason" in kubernetes) {
    return [["Kubernetes", `not shown: ${escapeHidden(withoutPeriod(kubernetes.unavailableReason))}`]]
  }
  const { apiPods, charts, namespace, nodePods, releases, server } = kubernetes
  const location: Field = ["Kubernetes", `${escapeHidden(server)}, namespace ${namespace}`]
  return apiPods.total + nodePods.total === 0
    ? [location, ["Release", "no koredump pods in this namespace (use --koredump-namespace for another)"]]
    : [
      location,
      ["Release", `${releases.length === 0 ? "unknown" : formatNames(distinct(releases))}${formatCharts(charts)}`],
      ["API pods", formatPodCount(apiPods)],
      ["Node pods", formatPodCount(nodePods)]
    ]
}

const formatCores = ({ bytes, cores, nodes }: ServerStatus): string =>
  nodes === undefined && cores === 0
    ? "none visible to you (check your permissions: kubectl auth can-i --list -n NAMESPACE | grep koredump.dev)"
    : `${cores}${nodes === undefined ? " visible to you" : ""}, ${formatBytes(bytes)}`

const toFields = ({ kubernetes, server, serverVersion, status, version }: StatusReport): ReadonlyArray<Field> => {
  const address = server === undefined ? "none (cores of this host)" : escapeHidden(server)
  if (status instanceof CommandError) {
    return [["Server", `${address}, not usable`], ["koredumpctl", version], ...toKubernetesFields(kubernetes)]
  }
  const { nodes } = status
  const reported = serverVersion === undefined ? "" : `version ${serverVersion}, `
  return [
    ["Server", server === undefined ? address : `${address}, ${reported}answered in ${status.millis} ms`],
    ["koredumpctl", version],
    ...toKubernetesFields(kubernetes),
    ["Node agents", nodes === undefined || nodes.length === 0 ? undefined : formatAgentVersions(nodes)],
    ["Nodes", formatNodeStates(status)],
    ["Cores", formatCores(status)],
    ["Core pattern", nodes === undefined || nodes.length === 0 ? undefined : formatPatterns(nodes)]
  ]
}

const formatIssue = ({ description, hint, nodes, pods }: Issue): ReadonlyArray<string> => {
  const subject = pods === undefined ? formatNames(nodes) : `${pods.length === 1 ? "pod" : "pods"} ${formatNames(pods)}`
  return [`- ${subject}: ${escapeHidden(description)}.`, ...(hint === undefined ? [] : [`  ${escapeHidden(hint)}`])]
}

/** The issues of the nodes and of the pods. If the server is not usable, only those of the pods are known. */
const collectIssues = ({ kubernetes, status }: StatusReport): ReadonlyArray<Issue> => [
  ...(status instanceof CommandError ? [] : status.issues),
  ...(kubernetes !== undefined && "issues" in kubernetes ? kubernetes.issues : [])
]

/** The status as text. */
export const formatStatus = (report: StatusReport, color: boolean): string => {
  const head = formatFields(toFields(report))
  const issues = collectIssues(report)
  if (report.status instanceof CommandError && issues.length === 0) return head
  const more = issues.length - maxIssues
  return [
    head,
    "",
    ...(issues.length === 0
      ? [paint("No problems found.", 32, color)]
      : [paint("Problems:", 31, color), ...issues.slice(0, maxIssues).flatMap(formatIssue)]),
    ...(more > 0 ? [`(and ${formatCount(more, "more problem")}, see: koredumpctl nodes)`] : [])
  ].join("\n")
}

const toKubernetesValue = (kubernetes: NonNullable<StatusReport["kubernetes"]>): unknown => {
  if ("unavailableReason" in kubernetes) return { unavailableReason: kubernetes.unavailableReason }
  const { apiPods, charts, namespace, nodePods, releases, server } = kubernetes
  return {
    server,
    namespace,
    ...(releases.length === 0 ? {} : { release: distinct(releases).join(", ") }),
    ...(charts.length === 0 ? {} : { chart: distinct(charts).join(", ") }),
    apiPods,
    nodePods
  }
}

const toIssueValue = ({ description, hint, ...subjects }: Issue): unknown => ({
  ...subjects,
  problem: description,
  ...(hint === undefined ? {} : { hint })
})

/** The status as a value for JSON and YAML. Scripts use its keys. */
export const toStatusValue = (report: StatusReport): unknown => {
  const { kubernetes, server, serverVersion, status, version } = report
  const problems = collectIssues(report).map(toIssueValue)
  return {
    ...(server === undefined ? {} : { server }),
    ...(serverVersion === undefined ? {} : { serverVersion }),
    version,
    ...(kubernetes === undefined ? {} : { kubernetes: toKubernetesValue(kubernetes) }),
    ...(status instanceof CommandError
      ? { usable: false, error: status.message, problems }
      : {
        usable: true,
        ...(status.nodes === undefined ? { nodesUnavailableReason: status.nodesUnavailableReason } : {
          nodes: status.nodes.map((node) => ({ ...node, corePatternSupported: toPatternSupport(node) })),
          nodesByState: Object.fromEntries(tally(status.nodes.map(({ state }) => state)))
        }),
        unreachable: status.unreachable,
        cores: status.cores,
        bytes: status.bytes,
        problems
      })
  }
}
