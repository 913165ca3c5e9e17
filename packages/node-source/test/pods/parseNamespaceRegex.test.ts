import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parseNamespaceRegex } from "../../src/pods/parseNamespaceRegex.ts"

const matches = (expression: string, namespace: string) =>
  Result.getOrThrow(parseNamespaceRegex(expression))?.test(namespace)

describe("parseNamespaceRegex", () => {
  it.each([
    ["shop", "shop", true],
    ["shop", "shop-2", false],
    ["shop", "my-shop", false],
    ["shop|bank", "bank", true],
    ["shop|bank", "shops", false],
    ["team-.*", "team-a", true],
    ["(?!kube-).*", "kube-system", false],
    ["(?!kube-).*", "shop", true],
    ["^shop$", "shop", true],
    [".*", "shop\nkube-system", false],
    ["team-[a-z]{1,3}", "team-abc", true]
  ])(
    "%s and namespace %s: %s",
    (expression, namespace, expected) => assert.strictEqual(matches(expression, namespace), expected)
  )

  it("empty text means no filter", () => assert.deepStrictEqual(parseNamespaceRegex(""), Result.succeed(undefined)))

  it.each(["(", "a)|(b", "[", "*", "(?P<x>a)", "a\\Z", "a{,3}"])("rejects %s with a sentence", (expression) => {
    const failure = Result.getOrThrow(Result.flip(parseNamespaceRegex(expression)))
    assert.match(failure, /^".*" is not a valid regular expression: .+\.$/)
    assert.include(failure, expression)
  })
})
