/** What a node's refusal means to somebody who asked the cluster, not the node. */
import { toSingleLine } from "../common/errorText.ts"
import type { CoreRef } from "../model/CoreId.ts"
import {
  CoreNotFound,
  CoreNotStored,
  CoreUnreadable,
  DeletionDisabled,
  NodeFailed,
  NodeTimeout,
  type Problem,
  TooManyDownloads,
  UnsupportedCompression
} from "../model/Problem.ts"

const maxLength = 1024

/** A node's text: one line, bounded. */
export const bounded = (text: string): string => toSingleLine(text, maxLength)

/**
 * A problem of a node as the cluster's own: it names the node and the core by the cluster's names. What concerns only
 * the hop (the cluster's token is refused, the node is not ready, a request that it does not understand) is no matter of
 * the caller's: the node has failed.
 */
export const toClusterProblem = ({ id, node }: CoreRef, problem: Problem): Problem => {
  const detail = problem.detail === undefined ? {} : { detail: bounded(problem.detail) }
  switch (problem._tag) {
    case "CoreNotFound":
      return new CoreNotFound({ id, node, ...detail })
    case "CoreNotStored":
      return new CoreNotStored({ id, node, ...detail })
    case "CoreUnreadable":
      return new CoreUnreadable({ id, node, ...detail })
    case "DeletionDisabled":
      return new DeletionDisabled(detail)
    case "UnsupportedCompression":
      return new UnsupportedCompression({ compression: bounded(problem.compression), ...detail })
    case "TooManyDownloads":
      return new TooManyDownloads(detail)
    default:
      return toNodeFailure(node, problem)
  }
}

/** Why nothing can be had of a node. */
export const toNodeFailure = (node: string, problem: Problem): NodeFailed | NodeTimeout => {
  if (problem._tag === "NodeTimeout") return new NodeTimeout({ node, detail: bounded(problem.message) })
  return new NodeFailed({ node, detail: failureText(problem) })
}

const failureText = (problem: Problem): string => {
  const text = bounded(problem.message)
  switch (problem._tag) {
    case "NodeFailed":
      return text
    case "Unauthorized":
    case "Forbidden":
      return `The node refuses the cluster's own access: ${text}`
    default:
      return `The node answered: ${text}`
  }
}
