import { assert, describe, it } from "@effect/vitest"
import {
  BadRequest,
  CoreNotFound,
  CoreNotStored,
  type CoreRef,
  CoreUnreadable,
  DeletionDisabled,
  Forbidden,
  InternalError,
  NodeFailed,
  NodeTimeout,
  NotReady,
  type Problem,
  problemToJson,
  TooManyDownloads,
  Unauthorized,
  UnsupportedCompression
} from "@koredump/core"
import { toClusterProblem } from "../../src/cluster/toClusterProblem.ts"

const ref = { node: "node-1", id: "core.x.0.0123456789abcdef0123456789abcdef.1.1" as CoreRef["id"] }
const nodeProblem = { node: "me", id: "another" }

const cases: ReadonlyArray<readonly [Problem, Problem]> = [
  [new CoreNotFound(nodeProblem), new CoreNotFound(ref)],
  [new CoreNotStored({ ...nodeProblem, detail: "vacuumed" }), new CoreNotStored({ ...ref, detail: "vacuumed" })],
  [new CoreUnreadable({ id: "x", detail: "EIO" }), new CoreUnreadable({ ...ref, detail: "EIO" })],
  [new DeletionDisabled(), new DeletionDisabled({})],
  [new TooManyDownloads({ detail: "Later." }), new TooManyDownloads({ detail: "Later." })],
  [new UnsupportedCompression({ compression: "xz" }), new UnsupportedCompression({ compression: "xz" })],
  [new NodeTimeout({ detail: "Slow." }), new NodeTimeout({ node: "node-1", detail: "Slow." })],
  [new NodeFailed({ node: "me", detail: "Gone." }), new NodeFailed({ node: "node-1", detail: "Gone." })],
  [
    new Unauthorized(),
    new NodeFailed({
      node: "node-1",
      detail: "The node rejected the cluster server's token: Authentication required"
    })
  ],
  [
    new Forbidden({ detail: "No." }),
    new NodeFailed({ node: "node-1", detail: "The node denied access to the cluster server: No." })
  ],
  [new NotReady({ detail: "Soon." }), new NodeFailed({ node: "node-1", detail: "The node returned an error: Soon." })],
  [
    new BadRequest(),
    new NodeFailed({ node: "node-1", detail: "The node returned an error: Invalid request" })
  ],
  [
    new InternalError({ requestId: "r" }),
    new NodeFailed({ node: "node-1", detail: "The node returned an error: Internal error" })
  ]
]

describe("toClusterProblem", () => {
  it.each(cases.map(([nodeProblem, expected]) => [nodeProblem._tag, nodeProblem, expected] as const))(
    "%s",
    (_tag, nodeProblem, expected) => {
      assert.deepStrictEqual(problemToJson(toClusterProblem(ref, nodeProblem)), problemToJson(expected))
    }
  )

  it("limits texts from a node to one line of 1024 characters", () => {
    const problem = toClusterProblem(ref, new CoreNotStored({ ...nodeProblem, detail: "a\r\n\u202eb ".repeat(1000) }))
    assert.isAtMost(problem.message.length, 1024)
    assert.match(problem.message, /^(a b ){100,}.*…$/)
  })
})
