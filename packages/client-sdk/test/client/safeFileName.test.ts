import { assert, describe, it } from "@effect/vitest"
import { safeFileName } from "../../src/index.ts"

describe("safeFileName", () => {
  it("does not change names of cores", () => {
    const name = "core.web\\x20server\\x2ev1.0.0123456789abcdef0123456789abcdef.42.1700000000000000.zst"
    assert.strictEqual(safeFileName(name), name)
  })

  it.each([
    ["../../etc/passwd", "_._.._etc_passwd"],
    ["/etc/passwd", "_etc_passwd"],
    ["..", "_."],
    ["", "_"],
    [".bashrc", "_bashrc"],
    ["-rf", "_rf"],
    ["a\u0000b\nc\u202Ed\u001b[31m", "a_b_c_d_[31m"],
    ["a\u{e0041}\u200b\ufe0f\u3164.txt", "a____.txt"]
  ])("%j becomes %j", (name, expected) => {
    const safe = safeFileName(name)
    assert.notMatch(safe, /\//)
    assert.strictEqual(safe, expected)
  })

  it("is at most 255 bytes long", () => {
    assert.strictEqual(safeFileName("ö".repeat(300)), "ö".repeat(127))
  })
})
