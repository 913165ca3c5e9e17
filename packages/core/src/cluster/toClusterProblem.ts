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

/** A text from a node: one line, limited. */
export const limitText = (text: string): string => toSingleLine(text, maxLength)

/**
 * Converts a node's problem for callers of the cluster server: with the names of node and core that the cluster uses.
 * Problems between the cluster server and the node (rejected token, node not ready, request not supported) become
 * `NodeFailed`: the caller can do nothing about them.
 */
export const toClusterProblem = ({ id, node }: CoreRef, problem: Problem): Problem => {
  const detail = problem.detail === undefined ? {} : { detail: limitText(problem.detail) }
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
      return new UnsupportedCompression({ compression: limitText(problem.compression), ...detail })
    case "TooManyDownloads":
      return new TooManyDownloads(detail)
    default:
      return toNodeFailure(node, problem)
  }
}

/** Converts the problem of a node to the reason why it is unreachable. */
export const toNodeFailure = (node: string, problem: Problem): NodeFailed | NodeTimeout => {
  if (problem._tag === "NodeTimeout") return new NodeTimeout({ node, detail: limitText(problem.message) })
  return new NodeFailed({ node, detail: failureText(problem) })
}

const failureText = (problem: Problem): string => {
  const text = limitText(problem.message)
  switch (problem._tag) {
    case "NodeFailed":
      return text
    case "Unauthorized":
      return `The node rejected the cluster server's token: ${text}`
    case "Forbidden":
      return `The node denied access to the cluster server: ${text}`
    default:
      return `The node returned an error: ${text}`
  }
}
