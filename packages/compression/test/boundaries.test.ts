import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  "@koredump/compression": [
    "@effect/platform-node-shared",
    "@koredump/compression",
    "@koredump/core",
    "effect",
    "xz-decompress"
  ]
}

describe("package boundaries", () => {
  it("lists every public entry", async () => {
    assert.deepStrictEqual(Object.keys(entries), await publicEntries("compression"))
  })

  it.each(Object.entries(entries))("%s bundles only these packages", async (entry, packages) => {
    assert.deepStrictEqual((await bundle(entry, "node")).packages, packages)
  })
})
