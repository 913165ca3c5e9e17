import { assert, describe, it } from "@effect/vitest"
import { isBearerToken, isLoopbackHost, maxTokenLength } from "@koredump/core"

describe("isBearerToken", () => {
  it.each([
    ["eyJhbGciOi.abc-_~+/=", true],
    ["", false],
    ["two words", false],
    ["line\n", false],
    ["ümlaut", false],
    ["x".repeat(maxTokenLength), true],
    ["x".repeat(maxTokenLength + 1), false]
  ])("checks %j", (text, expected) => assert.strictEqual(isBearerToken(text), expected))
})

describe("isLoopbackHost", () => {
  it.each([
    ["localhost", true],
    ["LOCALHOST", true],
    ["127.0.0.1", true],
    ["127.1.2.3", true],
    ["::1", true],
    ["[::1]", true],
    ["127.0.0.01", false],
    ["127.0.0.1.example.org", false],
    ["localhost.example.org", false],
    ["128.0.0.1", false],
    ["0.0.0.0", false],
    ["", false]
  ])("checks %s", (host, expected) => assert.strictEqual(isLoopbackHost(host), expected))
})
