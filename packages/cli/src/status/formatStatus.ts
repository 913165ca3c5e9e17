/** `status` in words, and as a value for programs. */
import type { NodeStatus } from "@koredump/core"
import { Failure } from "../text/CommandError.ts"
import { plural, visible } from "../text/escape.ts"
import { type Fact, formatFacts } from "../text/formatFields.ts"
import { painted } from "../text/Screen.ts"
import { formatBytes } from "../text/units.ts"
import type { Deployed, PodCount } from "./Deployment.ts"
import { type Trouble, withoutEnd } from "./nodeIssues.ts"
import type { NotDeployed } from "./queryKubernetes.ts"
import { type Known, supportOf, tally } from "./queryServerStatus.ts"

/** What is said of a source that was asked. */
export interface Report {
  /** The server's address; undefined where this host was read itself. */
  readonly server: string | undefined
  /** Undefined where the server does not tell it. */
  readonly serverVersion?: string | undefined
  readonly version: string
  readonly known: Known | Failure
  /** Undefined where no Kubernetes is at hand. */
  readonly kubernetes?: Deployed | NotDeployed | undefined
}

const maxNames = 5
const maxTroubles = 20

const names = (nodes: ReadonlyArray<string>): string => {
  const more = nodes.length - maxNames
  return nodes.slice(0, maxNames).map(visible).join(", ") + (more > 0 ? ` and ${more} more` : "")
}

const distinct = (values: ReadonlyArray<string>) => tally(values).map(([value]) => value)

const counted = (values: ReadonlyArray<string>, total: number): string =>
  tally(values).map(([value, count]) => count === total ? visible(value) : `${visible(value)} (${count})`).join(", ")

const states = ["ready", "syncing", "unreachable"] as const

const nodesText = ({ nodes, nodesLacking }: Known): string =>
  nodes === undefined
    ? nodesLacking!
    : nodes.length === 0
    ? "none"
    : `${nodes.length}: ${
      states.map((state) => [nodes.filter((node) => node.state === state).length, state] as const)
        .filter(([count]) => count > 0).map((pair) => pair.join(" ")).join(", ")
    }`

const patternText = (nodes: ReadonlyArray<NodeStatus>): string => {
  const said: Record<string, string> = {
    yes: "systemd-coredump, as it should be",
    no: "not systemd-coredump",
    unknown: "another program, unknown",
    untold: "not told"
  }
  return counted(nodes.map((node) => said[supportOf(node) ?? "untold"]!), nodes.length)
}

const agentsText = (nodes: ReadonlyArray<NodeStatus>) =>
  counted(nodes.map(({ agentVersion }) => agentVersion ?? "not told"), nodes.length)

const podsText = ({ ready, total }: PodCount) => total === 0 ? "none" : `${ready} of ${total} ready`

const chartText = (charts: ReadonlyArray<string>): string => {
  const counts = tally(charts)
  if (counts.length === 1) return ` (chart ${visible(charts[0]!)})`
  const each = counts.map(([chart, count]) => `${plural(count, "pod")} of chart ${visible(chart)}`)
  return counts.length === 0 ? "" : ` (roll-out: ${each.join(", ")})`
}

const kubernetesFacts = (kubernetes: Report["kubernetes"]): ReadonlyArray<Fact> => {
  if (kubernetes === undefined) return []
  if ("lacking" in kubernetes) return [["Kubernetes", `not shown: ${visible(withoutEnd(kubernetes.lacking))}`]]
  const { apiPods, charts, namespace, nodePods, releases, server } = kubernetes
  const where: Fact = ["Kubernetes", `${visible(server)}, namespace ${namespace}`]
  return apiPods.total + nodePods.total === 0
    ? [where, ["Release", "no pods of koredump in this namespace; for another say --koredump-namespace"]]
    : [
      where,
      ["Release", `${releases.length === 0 ? "not told" : names(distinct(releases))}${chartText(charts)}`],
      ["API pods", podsText(apiPods)],
      ["Node pods", podsText(nodePods)]
    ]
}

const coresText = ({ bytes, cores, nodes }: Known): string =>
  nodes === undefined && cores === 0
    ? "none that you may see; your rights in a namespace: kubectl auth can-i --list -n NAMESPACE | grep koredump.dev"
    : `${cores}${nodes === undefined ? " that you may see" : ""}, ${formatBytes(bytes)}`

const facts = ({ known, kubernetes, server, serverVersion, version }: Report): ReadonlyArray<Fact> => {
  const from = server === undefined ? "this host, read without a server" : visible(server)
  if (known instanceof Failure) {
    return [["Server", `${from}, no use of it`], ["koredumpctl", version], ...kubernetesFacts(kubernetes)]
  }
  const { nodes } = known
  const itself = serverVersion === undefined ? "" : `version ${serverVersion}, `
  return [
    ["Server", server === undefined ? from : `${from}, ${itself}answered in ${known.millis} ms`],
    ["koredumpctl", version],
    ...kubernetesFacts(kubernetes),
    ["Agents", nodes === undefined || nodes.length === 0 ? undefined : agentsText(nodes)],
    ["Nodes", nodesText(known)],
    ["Cores", coresText(known)],
    ["Core pattern", nodes === undefined || nodes.length === 0 ? undefined : patternText(nodes)]
  ]
}

const troubleLines = ({ advice, nodes, pods, what }: Trouble): ReadonlyArray<string> => [
  `- ${pods === undefined ? names(nodes) : `${pods.length === 1 ? "pod" : "pods"} ${names(pods)}`}: ${visible(what)}.`,
  ...(advice === undefined ? [] : [`  ${visible(advice)}`])
]

/** Of all: also of the pods where the server is of no use. */
const allTroubles = ({ known, kubernetes }: Report): ReadonlyArray<Trouble> => [
  ...(known instanceof Failure ? [] : known.troubles),
  ...(kubernetes !== undefined && "troubles" in kubernetes ? kubernetes.troubles : [])
]

/** For people. */
export const formatStatus = (report: Report, color: boolean): string => {
  const head = formatFacts(facts(report))
  const troubles = allTroubles(report)
  if (report.known instanceof Failure && troubles.length === 0) return head
  const more = troubles.length - maxTroubles
  return [
    head,
    "",
    ...(troubles.length === 0
      ? [painted("Nothing is wrong.", 32, color)]
      : [painted("What is wrong:", 31, color), ...troubles.slice(0, maxTroubles).flatMap(troubleLines)]),
    ...(more > 0 ? [`(and ${plural(more, "trouble")} more, see: koredumpctl nodes)`] : [])
  ].join("\n")
}

const kubernetesValue = (kubernetes: NonNullable<Report["kubernetes"]>): unknown => {
  if ("lacking" in kubernetes) return kubernetes
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

/** For programs. */
export const statusValue = (report: Report): unknown => {
  const { known, kubernetes, server, serverVersion, version } = report
  return {
    ...(server === undefined ? {} : { server }),
    ...(serverVersion === undefined ? {} : { serverVersion }),
    version,
    ...(kubernetes === undefined ? {} : { kubernetes: kubernetesValue(kubernetes) }),
    ...(known instanceof Failure
      ? { usable: false, error: known.message, troubles: allTroubles(report) }
      : {
        usable: true,
        ...(known.nodes === undefined ? { nodesLacking: known.nodesLacking } : {
          nodes: known.nodes.map((node) => ({ ...node, corePatternSupported: supportOf(node) })),
          nodesByState: Object.fromEntries(tally(known.nodes.map(({ state }) => state)))
        }),
        unreachable: known.unreachable,
        cores: known.cores,
        bytes: known.bytes,
        troubles: allTroubles(report)
      })
  }
}
