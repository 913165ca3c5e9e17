import { type NodeStatus, parseTimestamp } from "@koredump/core"
import { type Column, formatTable, type TableDesign, type TableOptions } from "../text/tableLayout.ts"
import { formatAge, formatBytes } from "../text/units.ts"
import { findIssuesOfNode } from "./nodeIssues.ts"

const age = (time: string | undefined, now: number) =>
  time === undefined ? undefined : formatAge(now / 1000 - parseTimestamp(time) / 1_000_000)

const columns = {
  name: { title: "NODE", value: ({ name }) => name, shrinkTo: 16 },
  state: { title: "STATE", value: ({ state }) => state },
  since: { title: "SINCE", value: ({ since }, now) => age(since, now), right: true },
  contact: { title: "CONTACT", value: ({ lastContact }, now) => age(lastContact, now), right: true },
  cores: { title: "CORES", value: ({ cores }) => cores, right: true },
  size: { title: "SIZE", value: ({ bytes }) => formatBytes(bytes), right: true },
  version: { title: "VERSION", value: ({ agentVersion }) => agentVersion },
  address: { title: "ADDRESS", value: ({ address }) => address },
  pattern: { title: "CORE PATTERN", value: ({ corePattern }) => corePattern },
  problem: {
    title: "PROBLEM",
    value: (node) => findIssuesOfNode(node).map(({ summary }) => summary).join("; ").replaceAll(".; ", "; "),
    shrinkTo: 20
  }
} as const satisfies Record<string, Column<NodeStatus>>

type ColumnName = keyof typeof columns

const stateColors: Readonly<Record<NodeStatus["state"], number>> = { ready: 32, syncing: 36, unreachable: 31 }

const design: TableDesign<NodeStatus, ColumnName> = {
  columns,
  normal: ["name", "state", "since", "contact", "cores", "size", "version", "problem"],
  wide: ["name", "state", "since", "contact", "cores", "size", "version", "address", "pattern", "problem"],
  expendable: ["version", "contact", "size", "since", "cores"],
  // VERSION and PROBLEM are shown only if they have a value.
  isUseful: (name, nodes) =>
    (name !== "version" && name !== "problem") || nodes.some((node) => (columns[name].value(node) ?? "") !== ""),
  color: (name, text) => name === "state" ? stateColors[text as NodeStatus["state"]] : undefined
}

/** A table of nodes with a header. */
export const formatNodesTable = (nodes: ReadonlyArray<NodeStatus>, options: TableOptions): string =>
  formatTable(design, nodes, options)
