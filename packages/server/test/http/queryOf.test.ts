import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { queryOf, refuseParams, takeFlag } from "../../src/http/queryOf.ts"

const parse = (url: string) =>
  Effect.provideService(
    queryOf,
    HttpServerRequest.HttpServerRequest,
    HttpServerRequest.fromWeb(new Request(`http://koredump.test${url}`))
  )

describe("queryOf", () => {
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

  it.effect("is bounded", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* parse(`/?a=${"a".repeat(16_382)}`)).size, 1)
      assert.strictEqual((yield* Effect.flip(parse(`/?a=${"a".repeat(16_383)}`)))._tag, "BadRequest")
    }))
})

describe("takeFlag", () => {
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
      const taken = takeFlag(params, "flag")
      if (expected === undefined) return assert.strictEqual((yield* Effect.flip(taken)).parameter, "flag")
      const [flag, rest] = yield* taken
      assert.strictEqual(flag, expected)
      assert.deepStrictEqual([...rest], [["other", ["x"]]])
    }))
})

describe("refuseParams", () => {
  it.effect("names the first parameter", () =>
    Effect.gen(function*() {
      yield* refuseParams(new Map())
      assert.strictEqual((yield* Effect.flip(refuseParams(new Map([["a", []]])))).parameter, "a")
    }))
})
