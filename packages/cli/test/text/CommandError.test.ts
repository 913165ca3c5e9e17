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
  TooManyDownloads,
  Unauthorized
} from "@koredump/core"
import { Cause, Exit } from "effect"
import { CliError } from "effect/cli"
import { exitCodeOf, fromProblem, partial, usage } from "../../src/text/CommandError.ts"

describe("fromProblem", () => {
  const cases: ReadonlyArray<readonly [Problem, number, RegExp]> = [
    [
      new InvalidQuery({ parameter: "since", detail: "Parameter since must be a time." }),
      2,
      /^Option --since must be a time\.$/
    ],
    [new Unauthorized({}), 5, /token/],
    [new Forbidden({ detail: "You may not." }), 5, /You may not\./],
    [new CoreNotFound({ id: "core.x" }), 4, /core\.x/],
    [new CoreNotStored({ id: "core.x", node: "n", detail: "Vacuumed." }), 4, /core\.x on node n.*Vacuumed\./],
    [new CoreNotStored({ id: "core.x", detail: "the file is gone" }), 4, /: core\.x\. The file is gone\.$/],
    [new RouteNotFound({}), 1, /./],
    [new InternalError({}), 1, /Internal error/],
    [new NodeTimeout({ node: "n" }), 1, /./],
    [new NodeFailed({ detail: "gone \u001b[31m\u202eevil" }), 1, /^gone \\x1b\[31m\\u202eevil$/]
  ]
  for (const [problem, code, message] of cases) {
    it(`${problem._tag} is ${code}`, () => {
      const failure = fromProblem(problem)
      assert.strictEqual(failure.exitCode, code)
      assert.match(failure.message, message)
    })
  }
})

describe("a server that is not ready", () => {
  it.each([
    ["Cannot reach https://x (UNABLE_TO_VERIFY_LEAF_SIGNATURE).", /--certificate-authority/],
    ["Cannot reach https://x (DEPTH_ZERO_SELF_SIGNED_CERT).", /--certificate-authority/],
    ["Cannot reach https://x (ERR_TLS_CERT_ALTNAME_INVALID).", /--certificate-authority/],
    ["Cannot reach http://x (ECONNREFUSED).", /--server URL/]
  ])("advises what helps: %s", (detail, hint) => {
    assert.match(fromProblem(new NodeFailed({ detail })).hint!, hint)
  })

  it("is not said to become so by itself: it may lack a right", () => {
    const { exitCode, hint } = fromProblem(new NotReady({ detail: "koredump itself lacks the right to create x." }))
    assert.strictEqual(exitCode, 1)
    assert.match(hint ?? "", /^If that does not pass in a while, the server's log says/)
    assert.strictEqual(fromProblem(new TooManyDownloads({})).hint, "Try again in a while.")
  })
})

describe("exitCodeOf", () => {
  const cases: ReadonlyArray<readonly [string, Exit.Exit<unknown, unknown>, number]> = [
    ["success", Exit.void, 0],
    ["a failure of ours", Exit.fail(partial), 3],
    ["wrong usage", Exit.fail(usage("no")), 2],
    ["what the parser refuses", Exit.fail(new CliError.ShowHelp({ commandPath: [], errors: [] })), 2],
    ["another failure", Exit.fail("?"), 1],
    ["a defect", Exit.die(new Error("?")), 1],
    ["Ctrl-C", Exit.failCause(Cause.interrupt()), 130]
  ]
  for (const [name, exit, code] of cases) {
    it(`${name} is ${code}`, () => {
      assert.strictEqual(exitCodeOf(exit), code)
    })
  }
})
