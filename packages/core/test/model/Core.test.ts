import { assert, describe, it } from "@effect/vitest"
import { formatTimestamp, isHeavyField, matchesFilter, parseTimestamp, signalName, signalNumber } from "@koredump/core"
import { Schema } from "effect"
import { CoreSummary } from "../../src/model/Core.ts"
import { Problem, problemFromJson, problemToJson, RangeNotSatisfiable } from "../../src/model/Problem.ts"

describe("formatTimestamp", () => {
  it.each([
    [1_645_604_596_000_000, "2022-02-23T08:23:16Z"],
    [1_645_604_596_250_000, "2022-02-23T08:23:16.25Z"],
    [1_645_604_596_000_001, "2022-02-23T08:23:16.000001Z"],
    [0, "1970-01-01T00:00:00Z"]
  ])("formats %d", (micros, text) => {
    assert.strictEqual(formatTimestamp(micros), text)
    assert.strictEqual(parseTimestamp(text), micros)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e22, -1e17])(
    "returns undefined for %d",
    (micros) => assert.isUndefined(formatTimestamp(micros))
  )

  it.each(["", "2022-02-23", "2022-02-23 08:23:16Z", "2022-02-23T08:23:16", "1645604596"])(
    "does not parse %j",
    (text) => assert.isNaN(parseTimestamp(text))
  )

  it.prop(
    "is the inverse of parseTimestamp",
    [Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 4e15 })))],
    ([micros]) => assert.strictEqual(parseTimestamp(formatTimestamp(micros)!), micros)
  )
})

it("distinguishes heavy fields", () => {
  for (const name of ["COREDUMP_PROC_MAPS", "COREDUMP_ENVIRON", "MESSAGE", "stack", "COREDUMP_OPEN_FDS"]) {
    assert.isTrue(isHeavyField(name), name)
  }
  for (const name of ["COREDUMP_EXE", "id", "COREDUMP_CGROUP"]) assert.isFalse(isHeavyField(name), name)
})

it("converts signal names and numbers", () => {
  assert.strictEqual(signalName(11), "SIGSEGV")
  assert.isUndefined(signalName(40))
  for (const text of ["SIGSEGV", "sigsegv", "segv", "11"]) assert.strictEqual(signalNumber(text), 11)
  for (const text of ["", "SIG", "-1", "1.0", "SIGFOO"]) assert.isUndefined(signalNumber(text))
})

const summary = {
  id: "core.x.0.0123456789abcdef0123456789abcdef.1.1700000000000000",
  node: "node-1",
  state: "present",
  resourceVersion: "epoch-1",
  compression: "none",
  COREDUMP_TIMESTAMP: "2022-02-23T08:23:16Z",
  COREDUMP_EXE: "/opt/App",
  _TRANSPORT: "journal"
}
const decodeSummary: (input: unknown) => CoreSummary = Schema.decodeUnknownSync(CoreSummary)

it("keeps unknown fields of a summary, and rejects invalid values", () => {
  assert.deepStrictEqual<unknown>(decodeSummary(summary), summary)
  for (const wrong of [{ id: "../x" }, { COREDUMP_TIMESTAMP: "now" }, { COREDUMP_PID: "1" }, { state: "gone" }]) {
    assert.throws(() => decodeSummary({ ...summary, ...wrong }))
  }
})

it("searches the text q in all string fields except the resource version", () => {
  const core = decodeSummary(summary)
  for (const q of ["app", "APP", "node-1", "journal"]) assert.isTrue(matchesFilter({ q }, core), q)
  for (const q of ["epoch-1", "nothing"]) assert.isFalse(matchesFilter({ q }, core), q)
})

describe("problems", () => {
  it.each(Problem.members.map((member) => [member.name, member] as const))("%s has a unique type", (_, member) => {
    const types = Problem.members.map(getType)
    assert.strictEqual(types.filter((type) => type === getType(member)).length, 1)
  })

  it("decode from their JSON form", () => {
    const problem = new RangeNotSatisfiable({ size: 7, detail: "too far" })
    const json = JSON.parse(JSON.stringify(problemToJson(problem)))
    assert.strictEqual(json.type, "https://koredump.dev/problems/range-not-satisfiable")
    assert.strictEqual(json.status, 416)
    const back = problemFromJson(json)
    assert.isTrue(back._tag === "Some" && back.value instanceof RangeNotSatisfiable && back.value.size === 7)
  })

  it("do not decode from problems of other software", () => {
    for (const body of [null, "x", {}, { type: "about:blank", status: 404, title: "Not Found" }]) {
      assert.strictEqual(problemFromJson(body)._tag, "None")
    }
  })
})

function getType(member: (typeof Problem.members)[number]): string {
  // The required members of all problems.
  const problem = new member({ id: "x", parameter: "x", size: 1, allow: [], compression: "x", nodes: [] } as never)
  return problem.type
}
