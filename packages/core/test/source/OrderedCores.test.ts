import { assert, describe, it } from "@effect/vitest"
import type { CoreSummary } from "@koredump/core"
import { compileFilter } from "../../src/source/CoreFilter.ts"
import { OrderedCores } from "../../src/source/OrderedCores.ts"

const makeCore = (n: number, second: number, namespace: string | undefined): CoreSummary => ({
  id: `core.a.0.0123456789abcdef0123456789abcdef.${n}.1700000000000000`,
  node: "node-1",
  state: n % 7 === 0 ? "missing" : "present",
  resourceVersion: String(n),
  COREDUMP_TIMESTAMP: new Date(1_700_000_000_000 + second * 1000).toISOString(),
  ...(namespace === undefined ? {} : { namespace })
} as unknown as CoreSummary)

const namespaces = ["shop", "team-a", undefined]

/** A small random number generator with a fixed seed. */
const makeRandom = () => {
  let state = 1
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

describe("a list of one namespace", () => {
  it("equals the filtered list of all, after any changes", () => {
    const random = makeRandom()
    const cores = new OrderedCores()
    for (let step = 0; step < 2000; step++) {
      const core = makeCore(random(100), random(50), namespaces[random(3)])
      if (random(3) === 0) cores.delete(core)
      else cores.set(core, 1)
      if (step % 50 !== 0) continue
      for (const namespace of ["shop", "team-a", "other"]) {
        for (const query of [{}, { state: "any" }, { sort: "size", order: "desc" }, { order: "desc" }] as const) {
          const filter = { ...query, namespace: [namespace] }
          assert.deepStrictEqual(
            cores.list(filter).cores,
            cores.list({ ...query, state: "any" }).cores.filter(compileFilter(filter))
          )
        }
      }
    }
  })

  it("is empty after its last core was deleted", () => {
    const cores = new OrderedCores()
    const core = makeCore(1, 1, "shop")
    cores.set(core, 1)
    cores.delete(core)
    assert.deepStrictEqual(cores.list({ namespace: ["shop"] }).cores, [])
    cores.set(makeCore(1, 2, "shop"), 1)
    assert.lengthOf(cores.list({ namespace: ["shop"] }).cores, 1)
  })
})
