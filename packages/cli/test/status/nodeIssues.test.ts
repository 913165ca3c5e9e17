import { assert, describe, it } from "@effect/vitest"
import { troublesOf } from "../../src/status/nodeIssues.ts"
import { node } from "../fixtures.ts"

const supported = "|/usr/lib/systemd/systemd-coredump %P %u %g %s %t %c %h"

describe("troublesOf", () => {
  it("finds none where all is well, or not told", () => {
    assert.deepStrictEqual(troublesOf([node("a", { corePattern: supported }), node("b")]), [])
  })

  it("names everything that is wrong, and what to do", () => {
    const troubles = troublesOf([
      node("a", { state: "unreachable", lastError: "ECONNREFUSED." }),
      node("b", { corePattern: "core" }),
      node("c", { corePattern: "|/opt/hand-over.sh %P" }),
      node("d", { warnings: ["There is no journal."] })
    ])
    assert.deepStrictEqual(troubles.map(({ nodes, what }) => `${nodes.join()}: ${what}`), [
      "a: unreachable: ECONNREFUSED",
      "b: kernel.core_pattern is \"core\": systemd-coredump gets no cores",
      "c: kernel.core_pattern is \"|/opt/hand-over.sh %P\": whether that hands cores to systemd-coredump cannot be told",
      "d: There is no journal"
    ])
    assert.deepStrictEqual(troubles.map(({ advice }) => advice !== undefined), [true, true, true, false])
  })

  it("says the same trouble of several nodes once", () => {
    assert.deepStrictEqual(
      troublesOf([node("a", { corePattern: "core" }), node("b"), node("c", { corePattern: "core" })])
        .map(({ nodes }) => nodes),
      [["a", "c"]]
    )
  })
})
