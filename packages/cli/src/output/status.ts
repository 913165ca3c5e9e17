/** `status` in words, and as a value for programs. */
import type { NodeStatus } from "@koredump/core"
import { Failure } from "../Failure.ts"
import { type Known, supportOf, tally } from "../Status.ts"
import type { Trouble } from "../troubles.ts"
import { type Fact, formatFacts } from "./facts.ts"
import { painted } from "./Screen.ts"
import { plural, visible } from "./text.ts"
import { formatBytes } from "./units.ts"

/** What is said of a source that was asked. */
export interface Report {
  /** The server's address; undefined where this host was read itself. */
  readonly server: string | undefined
  readonly version: string
  readonly known: Known | Failure
}

const maxNames = 5
const maxTroubles = 20

const names = (nodes: ReadonlyArray<string>): string => {
  const more = nodes.length - maxNames
  return nodes.slice(0, maxNames).map(visible).join(", ") + (more > 0 ? ` and ${more} more` : "")
}

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

const facts = ({ known, server, version }: Report): ReadonlyArray<Fact> => {
  const from = server === undefined ? "this host, read without a server" : visible(server)
  if (known instanceof Failure) return [["Server", `${from}, no use of it`], ["koredumpctl", version]]
  const { nodes } = known
  return [
    ["Server", server === undefined ? from : `${from}, answered in ${known.millis} ms`],
    ["koredumpctl", version],
    ["Agents", nodes === undefined || nodes.length === 0 ? undefined : agentsText(nodes)],
    ["Nodes", nodesText(known)],
    ["Cores", `${known.cores}${nodes === undefined ? " that you may see" : ""}, ${formatBytes(known.bytes)}`],
    ["Core pattern", nodes === undefined || nodes.length === 0 ? undefined : patternText(nodes)]
  ]
}

const troubleLines = ({ advice, nodes, what }: Trouble): ReadonlyArray<string> => [
  `- ${names(nodes)}: ${visible(what)}.`,
  ...(advice === undefined ? [] : [`  ${advice}`])
]

/** For people. */
export const formatStatus = (report: Report, color: boolean): string => {
  const { known } = report
  const head = formatFacts(facts(report))
  if (known instanceof Failure) return head
  const { troubles } = known
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

/** For programs. */
export const statusValue = ({ known, server, version }: Report): unknown => ({
  ...(server === undefined ? {} : { server }),
  version,
  ...(known instanceof Failure
    ? { usable: false, error: known.message }
    : {
      usable: true,
      ...(known.nodes === undefined ? { nodesLacking: known.nodesLacking } : {
        nodes: known.nodes.map((node) => ({ ...node, corePatternSupported: supportOf(node) })),
        nodesByState: Object.fromEntries(tally(known.nodes.map(({ state }) => state)))
      }),
      unreachable: known.unreachable,
      cores: known.cores,
      bytes: known.bytes,
      troubles: known.troubles
    })
})
