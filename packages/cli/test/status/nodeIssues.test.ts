import { assert, describe, it } from "@effect/vitest"
import { findNodeIssues } from "../../src/status/nodeIssues.ts"
import { node } from "../fixtures.ts"

const supported = "|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h"

describe("findNodeIssues", () => {
  it("finds no issues of a healthy node, or of a node that reports no core pattern", () => {
    assert.deepStrictEqual(findNodeIssues([node("a", { corePattern: supported }), node("b")]), [])
  })

  it("describes each issue, with a hint", () => {
    const issues = findNodeIssues([
      node("a", { state: "unreachable", lastError: "ECONNREFUSED." }),
      node("b", { corePattern: "core" }),
      node("c", { corePattern: "|/opt/hand-over.sh %P" }),
      node("d", { warnings: ["Journal not readable."] })
    ])
    assert.deepStrictEqual(issues.map(({ description, nodes }) => `${nodes.join()}: ${description}`), [
      "a: unreachable: ECONNREFUSED",
      "b: kernel.core_pattern is \"core\": systemd-coredump receives no cores",
      "c: kernel.core_pattern is \"|/opt/hand-over.sh %P\": cannot determine whether systemd-coredump receives the cores",
      "d: Journal not readable"
    ])
    assert.deepStrictEqual(issues.map(({ hint }) => hint !== undefined), [true, true, true, false])
  })

  it("reports the same issue of several nodes once", () => {
    assert.deepStrictEqual(
      findNodeIssues([node("a", { corePattern: "core" }), node("b"), node("c", { corePattern: "core" })])
        .map(({ nodes }) => nodes),
      [["a", "c"]]
    )
  })
})
