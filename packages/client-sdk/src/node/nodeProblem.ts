/** What a node's problem is to those who asked the cluster. */
import { CoreNotFound, CoreNotStored, CoreUnreadable, NodeFailed, NodeTimeout, type Problem } from "@koredump/core"

const detailOf = ({ detail }: Problem) => detail === undefined ? {} : { detail }

/**
 * The problem as one of the node called `node`. What concerns the core or the moment stays what it is. What a node has
 * against this server's own request (its token, its rights, a path that an older node does not know) is not the user's
 * doing: to him the node does not answer properly.
 */
export const nodeProblem = (node: string, problem: Problem): Problem => {
  switch (problem._tag) {
    case "CoreNotFound":
      return new CoreNotFound({ ...detailOf(problem), id: problem.id, node })
    case "CoreNotStored":
      return new CoreNotStored({ ...detailOf(problem), id: problem.id, node })
    case "CoreUnreadable":
      return new CoreUnreadable({ ...detailOf(problem), id: problem.id, node })
    case "NodeFailed":
      return new NodeFailed({ ...detailOf(problem), node })
    case "NodeTimeout":
      return new NodeTimeout({ ...detailOf(problem), node })
    case "Unauthorized":
    case "Forbidden":
    case "BadRequest":
    case "InvalidQuery":
    case "RouteNotFound":
    case "MethodNotAllowed":
    case "NotAcceptable":
    case "PartialList":
      return new NodeFailed({ node, detail: `The node refuses this server's request: ${problem.message}` })
    case "InternalError":
      return new NodeFailed({
        node,
        detail: `The node failed${
          problem.requestId === undefined ? "" : `; its log says more of request ${problem.requestId}`
        }.`
      })
    case "DeletionDisabled":
    case "ResourceVersionExpired":
    case "PreconditionFailed":
    case "UnsupportedCompression":
    case "RangeNotSatisfiable":
    case "TooManyDownloads":
    case "TooManyWatches":
    case "NotReady":
      return problem
  }
}

/** Whether a problem speaks against the node as a whole: whoever has many of these need not be asked for a while. */
export const isNodeFailure = ({ _tag }: { readonly _tag: string }): boolean => failureTags.has(_tag)

const failureTags = new Set(["NodeFailed", "NodeTimeout", "NotReady", "InternalError"])
