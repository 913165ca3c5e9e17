import { assert, describe, it } from "@effect/vitest"
import {
  BadRequest,
  CoreNotFound,
  CoreNotStored,
  CoreUnreadable,
  DeletionDisabled,
  Forbidden,
  InternalError,
  NodeFailed,
  NodeTimeout,
  NotReady,
  PreconditionFailed,
  type Problem,
  ResourceVersionExpired,
  RouteNotFound,
  TooManyDownloads,
  Unauthorized,
  UnsupportedCompression
} from "@koredump/core"
import { isNodeFailure, nodeProblem } from "../../src/node/nodeProblem.ts"

const detail = "as the node says"

describe("nodeProblem", () => {
  it.each<Problem>([
    new CoreNotFound({ id: "x", node: "its own name", detail }),
    new CoreNotStored({ id: "x", detail }),
    new CoreUnreadable({ id: "x", detail }),
    new NodeFailed({ detail }),
    new NodeTimeout({ detail })
  ])("$_tag gets the node's name", (problem) => {
    assert.include(nodeProblem("a", problem), { _tag: problem._tag, node: "a", detail })
  })

  it.each<Problem>([
    new DeletionDisabled({ detail }),
    new ResourceVersionExpired({ detail }),
    new PreconditionFailed({ detail }),
    new UnsupportedCompression({ compression: "xz", detail }),
    new TooManyDownloads({ detail }),
    new NotReady({ detail })
  ])("$_tag stays what it is", (problem) => {
    assert.strictEqual(nodeProblem("a", problem), problem)
  })

  it.each<Problem>([
    new Unauthorized({ detail }),
    new Forbidden({ detail }),
    new BadRequest({ detail }),
    new RouteNotFound({ detail })
  ])("$_tag is not the user's doing", (problem) => {
    assert.include(nodeProblem("a", problem), {
      _tag: "NodeFailed",
      node: "a",
      detail: `The node refuses this server's request: ${detail}`
    })
  })

  it("an internal error names the line of the node's log", () => {
    const problem = nodeProblem("a", new InternalError({ requestId: "id-1" }))
    assert.include(problem, { _tag: "NodeFailed", node: "a" })
    assert.match(problem.message, /request id-1/)
  })
})

describe("isNodeFailure", () => {
  it.each<[Problem, boolean]>([
    [new NodeFailed({}), true],
    [new NodeTimeout({}), true],
    [new NotReady({}), true],
    [new InternalError({}), true],
    [new CoreUnreadable({ id: "x" }), false],
    [new CoreNotFound({ id: "x" }), false],
    [new Unauthorized({}), false],
    [new TooManyDownloads({}), false]
  ])("%s", (problem, expected) => {
    assert.strictEqual(isNodeFailure(problem), expected)
  })
})
