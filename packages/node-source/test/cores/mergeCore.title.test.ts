import { assert, describe, it } from "@effect/vitest"
import { CoreId } from "@koredump/core"
import { mergeCore } from "../../src/cores/mergeCore.ts"

describe("mergeCore", () => {
  it("has the signal but no title if the name of the program is unknown", () => {
    const id = CoreId.make("core..1.751c449cf1bc47708e93be6dfdbb55a0.12118.1795425477000000.zst")
    const core = mergeCore({ node: "n", id, file: { id, size: 7, version: "1", xattrs: { COREDUMP_SIGNAL: 6 } } })
    assert.strictEqual(core.COREDUMP_SIGNAL_NAME, "SIGABRT")
    assert.notProperty(core, "title")
  })
})
