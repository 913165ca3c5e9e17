/** What is wrong with nodes, in words, and what to do about it. */
import type { NodeStatus } from "@koredump/core"
import { corePatternSupport } from "./checkCorePattern.ts"

/** Something that is wrong with a node. */
export interface NodeTrouble {
  /** For a table. */
  readonly brief: string
  /** What is wrong, as the end of a sentence that begins with the node. */
  readonly what: string
  readonly advice?: string
}

/** The same trouble of one or more nodes, or of koredump's own pods. */
export interface Trouble {
  /** Of pods those on which they are. */
  readonly nodes: ReadonlyArray<string>
  readonly pods?: ReadonlyArray<string>
  readonly what: string
  readonly advice?: string
}

const patternTrouble = ({ corePattern }: NodeStatus): ReadonlyArray<NodeTrouble> => {
  if (corePattern === undefined) return []
  const said = `kernel.core_pattern is "${corePattern}"`
  switch (corePatternSupport(corePattern)) {
    case "yes":
      return []
    case "no":
      return [{
        brief: `core_pattern is "${corePattern}"`,
        what: `${said}: systemd-coredump gets no cores`,
        advice: "Install systemd-coredump there; if it is, `sysctl --system` sets the pattern to its own."
      }]
    case "unknown":
      return [{
        brief: "core_pattern may not lead to systemd-coredump",
        what: `${said}: whether that hands cores to systemd-coredump cannot be told`,
        advice: "If crashes there do not show up, set the pattern to systemd-coredump."
      }]
  }
}

/** What is wrong with one node. */
export const nodeTroubles = (node: NodeStatus): ReadonlyArray<NodeTrouble> => [
  ...(node.state === "unreachable"
    ? [{
      brief: node.lastError ?? "unreachable",
      what: `unreachable${node.lastError === undefined ? "" : `: ${node.lastError}`}`,
      advice: "Its cores are missing here or may be out of date. Does its koredump agent run, and can it be reached?"
    }]
    : []),
  ...(node.warnings ?? []).map((warning) => ({ brief: warning, what: warning })),
  ...patternTrouble(node)
]

/** A sentence without its full stop. */
export const withoutEnd = (text: string) => text.replace(/\.+$/, "")

/** What is wrong with all of them; equal troubles are one. */
export const troublesOf = (nodes: ReadonlyArray<NodeStatus>): ReadonlyArray<Trouble> => {
  const troubles = new Map<string, { nodes: Array<string>; what: string; advice?: string }>()
  for (const node of nodes) {
    for (const { advice, what } of nodeTroubles(node)) {
      const known = troubles.get(what)
      if (known !== undefined) known.nodes.push(node.name)
      else {
        troubles.set(what, {
          nodes: [node.name],
          what: withoutEnd(what),
          ...(advice === undefined ? {} : { advice })
        })
      }
    }
  }
  return [...troubles.values()]
}
