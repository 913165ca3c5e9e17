import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

describe("package boundaries", () => {
  it("lists every public entry", async () => {
    assert.deepStrictEqual(await publicEntries("transport"), ["@koredump/transport"])
  })

  it("bundles only the client and core", async () => {
    const { packages } = await bundle("@koredump/transport", "node")
    assert.deepStrictEqual(packages.filter((name) => name.startsWith("@koredump/")), [
      "@koredump/client",
      "@koredump/core",
      "@koredump/transport"
    ])
    assert.deepStrictEqual(packages.filter((name) => /kubernetes/.test(name)), [])
  })
})
