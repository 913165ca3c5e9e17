import { assert, it } from "@effect/vitest"
import { CoreId, type CoreSummary, maxMetadataBytes } from "@koredump/core"
import { fitMetadata } from "../../src/journal/fitMetadata.ts"

const core: CoreSummary = {
  id: CoreId.make("core.x.0.0123456789abcdef0123456789abcdef.1.1700000000000000"),
  node: "node-1",
  state: "present",
  compression: "none",
  COREDUMP_CMDLINE: "x…",
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  resourceVersion: "a-1"
}
const mib = 1024 * 1024

it.each<readonly [string, Readonly<Record<string, string>>, ReadonlyArray<string> | undefined]>([
  ["small fields", { MESSAGE: "m", COREDUMP_PROC_MAPS: "x".repeat(mib) }, undefined],
  ["one large field", { MESSAGE: "m", COREDUMP_PROC_MAPS: "x".repeat(9 * mib) }, ["COREDUMP_PROC_MAPS"]],
  ["several fields", {
    A: "x".repeat(3 * mib),
    B: "x".repeat(5 * mib),
    C: "x".repeat(4 * mib),
    MESSAGE: "m"
  }, ["B"]],
  ["a text that is longer in JSON", { A: "\u0001".repeat(2 * mib), B: "x".repeat(mib) }, ["A"]],
  ["wide characters", { A: "中".repeat(3 * mib), B: "x" }, ["A"]],
  ["a text of exactly the limit", { A: "x".repeat(8 * mib), B: "x" }, ["A"]],
  ["texts of almost the limit", { A: "x".repeat(4 * mib - 300), B: "y".repeat(4 * mib - 300) }, undefined],
  ["texts of the limit together", { A: "x".repeat(4 * mib), B: "y".repeat(4 * mib - 10) }, ["A"]],
  ["a text that summaries shorten", { COREDUMP_CMDLINE: "x".repeat(9 * mib) }, ["COREDUMP_CMDLINE"]]
])("fits metadata with %s into its limit", (_, fields, omitted) => {
  const metadata = fitMetadata(core, { fields, omitted: [] })
  assert.isAtMost(Buffer.byteLength(JSON.stringify(metadata)), maxMetadataBytes)
  assert.deepStrictEqual(metadata.omitted, omitted)
  const expected = Object.entries(fields).filter(([name]) => omitted?.includes(name) !== true)
  assert.isTrue(expected.every(([name, value]) => metadata[name] === value))
  assert.strictEqual(metadata.COREDUMP_CMDLINE, "x…")
})

it("also names the fields that were skipped when the journal was read", () => {
  const fields = { A: "x".repeat(9 * mib), B: "x" }
  assert.deepStrictEqual(fitMetadata(core, { fields, omitted: ["Z"] }).omitted, ["Z", "A"])
})
