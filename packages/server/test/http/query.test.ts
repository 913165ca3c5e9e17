import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { readQuery, rejectParams, splitFlag } from "../../src/http/query.ts"

const parse = (url: string) =>
  Effect.provideService(
    readQuery,
    HttpServerRequest.HttpServerRequest,
    HttpServerRequest.fromWeb(new Request(`http://koredump.test${url}`))
  )

describe("readQuery", () => {
  it.effect.each<readonly [string, ReadonlyArray<readonly [string, ReadonlyArray<string>]>]>([
    ["/", []],
    ["/?", []],
    ["/?a", [["a", [""]]]],
    ["/?a=1&b=2&a=3", [["a", ["1", "3"]], ["b", ["2"]]]],
    ["/?a=1?b=2", [["a", ["1?b=2"]]]],
    ["/?a=%26%3D%00+%C3%BC", [["a", ["&=\0 ü"]]]],
    ["/?__proto__=x", [["__proto__", ["x"]]]]
  ])("%s", ([url, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual([...yield* parse(url)], expected.map(([name, values]) => [name, [...values]]))
    }))

  it.effect("rejects a query that is too long", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* parse(`/?a=${"a".repeat(16_382)}`)).size, 1)
      assert.strictEqual((yield* Effect.flip(parse(`/?a=${"a".repeat(16_383)}`)))._tag, "BadRequest")
    }))
})

describe("splitFlag", () => {
  it.effect.each<readonly [ReadonlyArray<string> | undefined, boolean | undefined]>([
    [undefined, false],
    [[], false],
    [[""], false],
    [["false"], false],
    [["true"], true],
    [["true", "true", ""], true],
    [["true", "false"], undefined],
    [["1"], undefined],
    [["TRUE"], undefined]
  ])("%j is %s", ([values, expected]) =>
    Effect.gen(function*() {
      const params = new Map([["other", ["x"]], ...(values === undefined ? [] : [["flag", values] as const])])
      const result = splitFlag(params, "flag")
      if (expected === undefined) return assert.strictEqual((yield* Effect.flip(result)).parameter, "flag")
      const [flag, rest] = yield* result
      assert.strictEqual(flag, expected)
      assert.deepStrictEqual([...rest], [["other", ["x"]]])
    }))
})

describe("rejectParams", () => {
  it.effect("names the first parameter", () =>
    Effect.gen(function*() {
      yield* rejectParams(new Map())
      assert.strictEqual((yield* Effect.flip(rejectParams(new Map([["a", []]])))).parameter, "a")
    }))
})
