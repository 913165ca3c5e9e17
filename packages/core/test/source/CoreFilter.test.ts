import { assert, describe, it } from "@effect/vitest"
import { CoreFilter, CoreId, CoreSummary, filterFields, matchesFilter } from "@koredump/core"
import { Schema } from "effect"

const id = "core.app.0.0123456789abcdef0123456789abcdef.4242.1700000000000000.zst"
const core = Schema.decodeSync(CoreSummary)({
  id,
  node: "node-1",
  state: "present",
  compression: "zstd",
  signature: "v1-1",
  namespace: "ns-1",
  pod: "pod-1",
  container: "container-1",
  image_name: "image-1",
  COREDUMP_UID: 7,
  COREDUMP_SIGNAL: 11,
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  COREDUMP_COMM: "comm-1",
  COREDUMP_EXE: "/exe-1",
  resourceVersion: "epoch-1"
})
const time = 1_700_000_000_000_000

const cases: { readonly [Name in keyof CoreFilter]-?: readonly [matching: CoreFilter[Name], other: CoreFilter[Name]] } =
  {
    id: [["other", id], [CoreId.make(id.replace("4242", "4243"))]],
    namespace: [["other", "ns-1"], ["ns"]],
    pod: [["other", "pod-1"], ["POD-1"]],
    container: [["container-1"], ["pod-1"]],
    node: [["node-1", "node-2"], ["node-2"]],
    comm: [["comm-1"], ["/exe-1"]],
    exe: [["/exe-1"], ["comm-1"]],
    image: [["image-1"], ["container-1"]],
    signal: [[6, 11], [7]],
    uid: [[0, 7], [11]],
    state: [["missing", "present"], ["missing", "pending"]],
    signature: [["v1-1"], ["v1-2"]],
    since: [time, time + 1],
    until: [time + 1, time],
    q: ["NODE-1", "epoch-1"]
  }

describe("matchesFilter", () => {
  it("has a case for each field", () => {
    assert.deepStrictEqual(Object.keys(cases), Object.keys(filterFields))
    assert.deepStrictEqual(Object.keys(CoreFilter.fields), Object.keys(filterFields))
  })

  it.each(Object.entries(cases))("compares the condition %s with its field of the core", (name, [matching, other]) => {
    assert.isTrue(matchesFilter({ [name]: matching }, core))
    assert.isFalse(matchesFilter({ [name]: other }, core))
    const without = Schema.decodeSync(CoreSummary)({
      id,
      node: "node-1",
      state: "present",
      compression: "zstd",
      COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
      resourceVersion: "epoch-1"
    })
    const isRequired = ["id", "node", "state", "since", "until", "q"].includes(name)
    assert.strictEqual(matchesFilter({ [name]: matching }, without), isRequired)
  })

  it("requires that all conditions match", () => {
    assert.isTrue(matchesFilter({ namespace: ["ns-1"], signal: [11], since: time }, core))
    assert.isFalse(matchesFilter({ namespace: ["ns-1"], signal: [6], since: time }, core))
  })

  it("leaves out missing cores unless the filter names a state", () => {
    const missing = { ...core, state: "missing" as const }
    assert.isFalse(matchesFilter({}, missing))
    assert.isFalse(matchesFilter({ namespace: ["ns-1"] }, missing))
    assert.isTrue(matchesFilter({ state: ["missing"] }, missing))
    assert.isTrue(matchesFilter({ state: "any" }, missing))
    assert.isFalse(matchesFilter({ state: ["present"] }, missing))
  })
})
