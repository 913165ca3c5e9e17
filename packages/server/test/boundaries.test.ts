import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  // Over any source: it knows no host.
  "@koredump/server": ["@koredump/core", "@koredump/server"],
  "./packages/server/src/main.ts": [
    "@koredump/compression",
    "@koredump/core",
    "@koredump/node-source",
    "@koredump/server"
  ]
}

describe("the package's boundaries", () => {
  it("states every public entry", async () => {
    assert.deepStrictEqual(await publicEntries("server"), ["@koredump/server"])
  })

  it.each(Object.entries(entries))("%s takes in only what it must", async (entry, ours) => {
    const { packages } = await bundle(entry, "node")
    assert.deepStrictEqual(packages.filter((name) => name.startsWith("@koredump/")), ours)
    assert.notInclude(packages, "@kubernetes/client-node")
  })
})
