import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  "@koredump/kubernetes": ["@koredump/core", "@koredump/kubernetes"]
}

describe("package boundaries", () => {
  it("lists every public entry", async () => {
    assert.deepStrictEqual(Object.keys(entries), await publicEntries("kubernetes"))
  })

  it.each(Object.entries(entries))("%s bundles only these packages of koredump", async (entry, ours) => {
    const { packages } = await bundle(entry, "node")
    assert.deepStrictEqual(packages.filter((name) => name.startsWith("@koredump/")), ours)
    assert.include(packages, "@kubernetes/client-node")
  })
})
