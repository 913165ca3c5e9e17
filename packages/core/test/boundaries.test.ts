import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  "@koredump/core": ["@koredump/core", "effect"],
  "@koredump/core/testing": ["@koredump/core", "effect"]
}

describe("package boundaries", () => {
  it("lists every public entry", async () => {
    assert.deepStrictEqual(Object.keys(entries), await publicEntries("core"))
  })

  it.each(Object.entries(entries))("%s runs in a browser and bundles only these packages", async (entry, packages) => {
    assert.deepStrictEqual(await bundle(entry, "browser"), { packages, builtins: [] })
  })
})
