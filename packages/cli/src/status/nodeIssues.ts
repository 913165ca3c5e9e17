/** Finds problems of nodes, and describes what to do about them. */
import type { NodeStatus } from "@koredump/core"
import { withoutPeriod } from "../text/sentence.ts"
import { checkCorePattern } from "./checkCorePattern.ts"

/** A problem of one node. */
interface NodeIssue {
  /** For a table. */
  readonly summary: string
  /** The problem, without the name of the node. */
  readonly description: string
  /** What to do about it. */
  readonly hint?: string
}

/** The same problem of one or more nodes, or of koredump's own pods. */
export interface Issue {
  /** The nodes, or the nodes of the pods. */
  readonly nodes: ReadonlyArray<string>
  readonly pods?: ReadonlyArray<string>
  readonly description: string
  readonly hint?: string
}

const findCorePatternIssues = ({ corePattern }: NodeStatus): ReadonlyArray<NodeIssue> => {
  if (corePattern === undefined) return []
  const setting = `kernel.core_pattern is "${corePattern}"`
  switch (checkCorePattern(corePattern)) {
    case "yes":
      return []
    case "no":
      return [{
        summary: `core_pattern is "${corePattern}"`,
        description: `${setting}: systemd-coredump receives no cores`,
        hint: "Install systemd-coredump on this node. If it is installed, run `sysctl --system`."
      }]
    case "unknown":
      return [{
        summary: "core_pattern may not use systemd-coredump",
        description: `${setting}: cannot determine whether systemd-coredump receives the cores`,
        hint: "If crashes of this node are missing, set core_pattern to systemd-coredump."
      }]
  }
}

/** The problems of one node. */
export const findIssuesOfNode = (node: NodeStatus): ReadonlyArray<NodeIssue> => [
  ...(node.state === "unreachable"
    ? [{
      summary: node.lastError ?? "unreachable",
      description: `unreachable${node.lastError === undefined ? "" : `: ${node.lastError}`}`,
      hint: "Its cores are not listed or may be out of date. Check that its koredump-node pod is running."
    }]
    : []),
  ...(node.warnings ?? []).map((warning) => ({ summary: warning, description: warning })),
  ...findCorePatternIssues(node)
]

/** The problems of all nodes. Nodes with the same problem share one entry. */
export const findNodeIssues = (nodes: ReadonlyArray<NodeStatus>): ReadonlyArray<Issue> => {
  const issues = new Map<string, { nodes: Array<string>; description: string; hint?: string }>()
  for (const node of nodes) {
    for (const { description, hint } of findIssuesOfNode(node)) {
      const existing = issues.get(description)
      if (existing === undefined) {
        issues.set(description, {
          nodes: [node.name],
          description: withoutPeriod(description),
          ...(hint === undefined ? {} : { hint })
        })
      } else existing.nodes.push(node.name)
    }
  }
  return [...issues.values()]
}
