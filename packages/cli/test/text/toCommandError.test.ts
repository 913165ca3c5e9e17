import { assert, describe, it } from "@effect/vitest"
import {
  CoreNotFound,
  CoreNotStored,
  Forbidden,
  InternalError,
  InvalidQuery,
  NodeFailed,
  NodeTimeout,
  NotReady,
  type Problem,
  RouteNotFound,
  ServerBusy,
  TooManyDownloads,
  TooManyRequests,
  TooManyWatches,
  Unauthorized
} from "@koredump/core"
import { toCommandError } from "../../src/text/toCommandError.ts"

const hint = (id: string) => toCommandError(new CoreNotStored({ id, node: "n" })).hint

describe("toCommandError", () => {
  const cases: ReadonlyArray<readonly [Problem, number, RegExp]> = [
    [
      new InvalidQuery({ parameter: "since", detail: "Parameter since must be a time." }),
      2,
      /^Flag --since must be a time\.$/
    ],
    [new Unauthorized({}), 5, /^Authentication required \(401\)\.$/],
    [
      new Unauthorized({ detail: "The token is invalid." }),
      5,
      /^Authentication required \(401\)\. The token is invalid\.$/
    ],
    [new Forbidden({ detail: "No permission." }), 5, /^Forbidden \(403\)\. No permission\.$/],
    [new CoreNotFound({ id: "core.x" }), 4, /^Core not found: core\.x\.$/],
    [
      new CoreNotStored({ id: "core.x", node: "n", detail: "Vacuumed." }),
      4,
      /^No core is stored for this crash: core\.x on node n\. Vacuumed\.$/
    ],
    [new CoreNotStored({ id: "core.x", detail: "the file is gone" }), 4, /: core\.x\. The file is gone\.$/],
    [new RouteNotFound({}), 1, /^The server does not support this request \(404\)\./],
    [new ServerBusy({ detail: "The server has no memory left." }), 1, /^The server has no memory left\.$/],
    [new TooManyRequests({}), 1, /^Too many requests\.$/],
    [new InternalError({}), 1, /^Internal error\.$/],
    [new NodeTimeout({ node: "n" }), 1, /^Upstream request timed out\.$/],
    [new NodeFailed({ detail: "gone \u001b[31m\u202eevil" }), 1, /^Gone \\x1b\[31m\\u202eevil\.$/]
  ]
  for (const [problem, code, message] of cases) {
    it(`maps ${problem._tag} to exit code ${code}`, () => {
      const error = toCommandError(problem)
      assert.strictEqual(error.exitCode, code)
      assert.match(error.message, message)
    })
  }

  it.each([
    ["Cannot reach https://x (UNABLE_TO_VERIFY_LEAF_SIGNATURE).", /--certificate-authority/],
    ["Cannot reach https://x (DEPTH_ZERO_SELF_SIGNED_CERT).", /--certificate-authority/],
    ["Cannot reach https://x (ERR_TLS_CERT_ALTNAME_INVALID).", /--certificate-authority/],
    ["Cannot reach http://x (ECONNREFUSED).", /--server URL/],
    ["http://x answered 404.", /^Check that the URL belongs to a koredump server, and that the server is running\.$/]
  ])("gives a hint that fits the reason: %s", (detail, hint) => {
    assert.match(toCommandError(new NodeFailed({ detail })).hint!, hint)
  })

  it("gives the command that shows the crash if no core is stored", () => {
    const id = "core.it's\\x20$x.0.0123456789abcdef0123456789abcdef.1.1700000000000000"
    assert.strictEqual(
      hint(id),
      `Show what is known about the crash with: koredumpctl info '${id.replace("'", "'\\''")}'`
    )
    // A command to copy never contains an option that the server chose.
    for (const other of ["--server=https://evil.example", "core.a b.1", "-1"]) assert.isUndefined(hint(other))
  })

  it("says once what to check if the server does not know the path", () => {
    const detail = "The path does not exist. Check the URL."
    const { hint, message } = toCommandError(new RouteNotFound({ detail }))
    assert.strictEqual(message, `The server does not support this request (404). ${detail}`)
    assert.strictEqual(hint, "Check the version of the server.")
    assert.strictEqual(toCommandError(new RouteNotFound({})).hint, "Check the URL and the version of the server.")
  })

  it("refers to the server's log if the server is not ready, because it may lack a permission", () => {
    const { exitCode, hint } = toCommandError(new NotReady({ detail: "Not ready." }))
    assert.strictEqual(exitCode, 1)
    assert.match(hint ?? "", /^Try again in a minute\. If the error persists, check the server's log\.$/)
    for (const problem of [TooManyDownloads, TooManyRequests, TooManyWatches, ServerBusy]) {
      assert.strictEqual(toCommandError(new problem({})).hint, "Try again later.")
    }
  })
})
