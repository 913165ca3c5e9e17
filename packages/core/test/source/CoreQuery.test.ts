import { assert, describe, it } from "@effect/vitest"
import { type CoreQuery, decodeCoreFilter, decodeCoreQuery, encodeCoreQuery } from "@koredump/core"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { encodeContinue } from "../../src/source/CorePosition.ts"
import { parseDurationMicros } from "../../src/source/queryParameter.ts"

const now = 1_800_000_000_000_000

const decode = (query: string) =>
  Effect.andThen(TestClock.setTime(now / 1000), decodeCoreQuery(new URLSearchParams(query)))
const position = encodeContinue({}, { key: 1, time: 1, node: "node-1", id: "core.x" })

describe("decodeCoreQuery", () => {
  it.effect.each<readonly [string, CoreQuery]>([
    ["", {}],
    ["namespace=&pod=", {}],
    ["namespace=a&namespace=b&pod=p", { namespace: ["a", "b"], pod: ["p"] }],
    ["namespace=&namespace=b", { namespace: ["b"] }],
    ["signal=SIGSEGV&signal=6&signal=bus", { signal: [11, 6, 7] }],
    ["signal=11&signal=", { signal: [11] }],
    ["id=core.x&node=n", { id: ["core.x"], node: ["n"] }],
    ["uid=0&uid=4294967294", { uid: [0, 4_294_967_294] }],
    ["state=missing&state=pending", { state: ["missing", "pending"] }],
    ["state=any", { state: "any" }],
    ["since=90m", { since: now - 5_400_000_000 }],
    ["since=1h30m&until=3d", { since: now - 5_400_000_000, until: now - 259_200_000_000 }],
    ["since=2022-02-23T08:23:16Z", { since: 1_645_604_596_000_000 }],
    ["until=2022-02-23T10:23:16.25%2B02:00", { until: 1_645_604_596_250_000 }],
    ["q=a+b%26c", { q: "a b&c" }],
    ["sort=size&order=desc&limit=1000", { sort: "size", order: "desc", limit: 1000 }],
    [`continue=${position}`, { continue: position }],
    ["fields=id,node&fields=size", { fields: ["id", "node", "size"] }],
    ["fields=all&limit=100", { fields: "all", limit: 100 }],
    ["comm=%25%3C%3E&exe=/bin/a+b&image=r/i:1&container=c&node=n&signature=v1-0", {
      comm: ["%<>"],
      exe: ["/bin/a b"],
      image: ["r/i:1"],
      container: ["c"],
      node: ["n"],
      signature: ["v1-0"]
    }]
  ])("decodes %j", ([query, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* decode(query), expected)
    }))

  it.effect.each(
    [
      ["nmespace=a", "nmespace"],
      ["__proto__=a", "__proto__"],
      ["constructor=a", "constructor"],
      ["signal=SIGNOPE", "signal"],
      ["uid=-1", "uid"],
      ["uid=root", "uid"],
      ["state=gone", "state"],
      ["since=yesterday", "since"],
      ["since=90", "since"],
      ["since=2026-02-31T00:00:00Z", "since"],
      ["since=1d&since=2d", "since"],
      ["until=2022-02-30T99:00:00Z", "until"],
      ["q=a&q=b", "q"],
      ["sort=name", "sort"],
      ["order=up", "order"],
      ["limit=0", "limit"],
      ["limit=1001", "limit"],
      ["limit=1.5", "limit"],
      ["limit=1e2", "limit"],
      ["continue=abc", "continue"],
      [`continue=${position}&sort=size`, "continue"],
      [`continue=${position}&order=desc`, "continue"],
      ["fields=id,bogus", "fields"],
      ["continue=%F0%28", "continue"],
      ["fields=all", "fields"],
      ["fields=all&limit=101", "fields"],
      ["fields=id,stack", "fields"],
      [`q=${"a".repeat(5000)}`, "q"],
      [Array.from({ length: 101 }, (_, i) => `pod=${i}`).join("&"), "pod"]
    ] as const
  )("rejects %j because of parameter %s", ([query, parameter]) =>
    Effect.gen(function*() {
      const problem = yield* Effect.flip(decode(query))
      assert.include(problem, { _tag: "InvalidQuery", parameter })
      assert.match(problem.detail!, new RegExp(`^Parameter ${parameter} [a-z].*\\.$`))
    }))

  it.effect.each(
    [
      ["colour=red", "Parameter colour is unknown."],
      ["since=1d&since=2d", "Parameter since can be used only once."],
      ["signal=LOUD", "Parameter signal must be a signal name or number, such as SIGSEGV or 11."],
      [
        `q=${"a".repeat(5000)}`,
        "Parameter q has too many or too long values (limits: 100 values, 4096 characters each)."
      ],
      ["fields=all", "Parameter fields needs a limit of 100 or less for heavy fields."],
      [`continue=${position}&order=desc`, "Parameter continue belongs to a list with another sort or order."]
    ] as const
  )("explains what is wrong with %j", ([query, detail]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(decode(query))).detail, detail)
    }))
})

it.effect("rejects order and page in a filter", () =>
  Effect.gen(function*() {
    assert.strictEqual((yield* Effect.flip(decodeCoreFilter([["limit", "1"]]))).parameter, "limit")
  }))

// A URL cannot carry half a surrogate pair.
const text = Schema.NonEmptyString.pipe(
  Schema.check(Schema.isMaxLength(50)),
  Schema.check(Schema.makeFilter<string>((text) => text.isWellFormed()))
)
const texts = Schema.optionalKey(Schema.NonEmptyArray(text).pipe(Schema.check(Schema.isMaxLength(5))))
const numbers = Schema.optionalKey(
  Schema.NonEmptyArray(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 31 }))))
)
const seconds = Schema.optionalKey(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 4e9 }))))

it.prop("decodes an encoded query", {
  namespace: texts,
  pod: texts,
  exe: texts,
  signal: numbers,
  uid: numbers,
  since: seconds,
  limit: seconds,
  order: Schema.optionalKey(Schema.Literals(["asc", "desc"])),
  state: Schema.optionalKey(Schema.Literal("any"))
} as never, (input: Record<string, unknown>) => {
  const { limit, since, ...rest } = input
  const query = {
    ...rest,
    ...(since === undefined ? {} : { since: Number(since) * 1_000_000 + 250_000 }),
    ...(limit === undefined ? {} : { limit: Number(limit) % 1000 + 1 })
  } as CoreQuery
  assert.deepStrictEqual(
    Effect.runSync(decodeCoreQuery(encodeCoreQuery(query))),
    query
  )
})

describe("parseDurationMicros", () => {
  it.each([["1s", 1e6], ["90m", 5.4e9], ["1.5h", 5.4e9], ["1h30m", 5.4e9], ["3d", 2.592e11], ["1w", 6.048e11]])(
    "%s",
    (duration, micros) => assert.strictEqual(parseDurationMicros(duration), micros)
  )
  it.each(["", "s", "1", "-1s", "1 s", "1y", "1s!"])(
    "rejects %j",
    (duration) => assert.isNaN(parseDurationMicros(duration))
  )
})
