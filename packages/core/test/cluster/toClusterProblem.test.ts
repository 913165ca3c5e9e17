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
const theirs = { node: "me", id: "another" }

const cases: ReadonlyArray<readonly [Problem, Problem]> = [
  [new CoreNotFound(theirs), new CoreNotFound(ref)],
  [new CoreNotStored({ ...theirs, detail: "vacuumed" }), new CoreNotStored({ ...ref, detail: "vacuumed" })],
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
      detail: "The node refuses the cluster's own access: Authentication required"
    })
  ],
  [
    new Forbidden({ detail: "No." }),
    new NodeFailed({ node: "node-1", detail: "The node refuses the cluster's own access: No." })
  ],
  [new NotReady({ detail: "Soon." }), new NodeFailed({ node: "node-1", detail: "The node answered: Soon." })],
  [new BadRequest(), new NodeFailed({ node: "node-1", detail: "The node answered: Invalid request" })],
  [
    new InternalError({ requestId: "r" }),
    new NodeFailed({ node: "node-1", detail: "The node answered: Internal error" })
  ]
]

describe("nodeProblem", () => {
  it.each(cases.map(([theirs, ours]) => [theirs._tag, theirs, ours] as const))("%s", (_tag, theirs, ours) => {
    assert.deepStrictEqual(problemToJson(toClusterProblem(ref, theirs)), problemToJson(ours))
  })

  it("bounds a node's text, and keeps it on one line", () => {
    const problem = toClusterProblem(ref, new CoreNotStored({ ...theirs, detail: "a\r\n\u202eb ".repeat(1000) }))
    assert.isAtMost(problem.message.length, 1024)
    assert.match(problem.message, /^(a b ){100,}.*…$/)
  })
})
