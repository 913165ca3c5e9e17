import { assert, describe, it } from "@effect/vitest"
import * as Core from "@koredump/core"

const id = "core.x"

// Clients and scripts branch on these values.
const problems: ReadonlyArray<readonly [Core.Problem, status: number, type: string, transient: boolean]> = [
  [new Core.InvalidQuery({ parameter: "q" }), 400, "invalid-query", false],
  [new Core.BadRequest(), 400, "bad-request", false],
  [new Core.Unauthorized(), 401, "unauthorized", false],
  [new Core.Forbidden(), 403, "forbidden", false],
  [new Core.DeletionDisabled(), 403, "deletion-disabled", false],
  [new Core.CoreNotFound({ id }), 404, "core-not-found", false],
  [new Core.CoreNotStored({ id }), 404, "core-not-stored", false],
  [new Core.RouteNotFound(), 404, "not-found", false],
  [new Core.MethodNotAllowed({ allow: ["GET"] }), 405, "method-not-allowed", false],
  [new Core.NotAcceptable(), 406, "not-acceptable", false],
  [new Core.ResourceVersionExpired(), 410, "resource-version-expired", false],
  [new Core.PreconditionFailed(), 412, "precondition-failed", false],
  [new Core.UnsupportedCompression({ compression: "lz4" }), 415, "unsupported-compression", false],
  [new Core.RangeNotSatisfiable({ size: 1 }), 416, "range-not-satisfiable", false],
  [new Core.TooManyDownloads(), 429, "too-many-downloads", true],
  [new Core.TooManyWatches(), 429, "too-many-watches", false],
  [new Core.TooManyRequests(), 429, "too-many-requests", true],
  [new Core.InternalError(), 500, "internal-error", true],
  [new Core.CoreUnreadable({ id }), 500, "core-unreadable", false],
  [new Core.NodeFailed(), 502, "node-failed", true],
  [new Core.PartialList({ nodes: ["node-1"] }), 502, "partial-list", false],
  [new Core.NotReady(), 503, "not-ready", true],
  [new Core.ServerBusy(), 503, "server-busy", true],
  [new Core.NodeTimeout(), 504, "node-timeout", true]
]

describe("problems", () => {
  for (const [problem, status, type, transient] of problems) {
    it(`${problem._tag} has its HTTP status and type, and a retry ${transient ? "can" : "cannot"} help`, () => {
      assert.deepInclude(Core.problemToJson(problem), { status, type: `https://koredump.dev/problems/${type}` })
      assert.strictEqual(Core.isTransient(problem), transient)
    })
  }

  it("are all tested", () => {
    assert.deepStrictEqual(
      problems.map(([problem]) => problem._tag),
      Core.Problem.members.map(({ identifier }) => identifier)
    )
  })
})
