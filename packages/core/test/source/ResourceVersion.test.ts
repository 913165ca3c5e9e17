import { assert, describe, it } from "@effect/vitest"
import {
  addScope,
  formatResourceVersion,
  isNewerVersion,
  parseResourceVersion,
  splitScope
} from "../../src/source/ResourceVersion.ts"

describe("parseResourceVersion", () => {
  it("parses what formatResourceVersion formats", () => {
    for (const version of [{ epoch: "0", sequence: 0 }, { epoch: "2gosa7pa2gv", sequence: 999_999_999_999_999 }]) {
      assert.deepStrictEqual(parseResourceVersion(formatResourceVersion(version)), version)
    }
  })

  it.each(["", "0", "-1", "a-", "a--1", "a-1x", "a-1.5", "A-1", "a-1~lx", "a-1234567890123456", " a-1", "a-1\n"])(
    "rejects %j",
    (text) => assert.isUndefined(parseResourceVersion(text))
  )
})

describe("isNewerVersion", () => {
  it.each([
    ["a-10", "a-9", true],
    ["a-9", "a-10", false],
    ["a-9", "a-9", false],
    ["b-10", "a-9", false],
    ["a-10", "garbage", false],
    ["garbage", "a-9", false]
  ])("%s, compared with %s: %s", (text, other, expected) => assert.strictEqual(isNewerVersion(text, other), expected))
})

describe("splitScope", () => {
  it.each([["a-1", "lns-1,@"], ["a-1", ""], ["a-1~lx", "w"]])("splits version %s and scope %j", (version, scope) => {
    assert.deepStrictEqual(splitScope(addScope(version, scope)), { version, scope })
  })

  it("finds no scope in a version without one", () => assert.isUndefined(splitScope("a-1")))
})
