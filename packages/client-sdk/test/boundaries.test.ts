import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  "@koredump/client": ["@koredump/client", "@koredump/core", "effect"],
  "@koredump/client/effect": ["@koredump/client", "@koredump/core", "effect"]
}

describe("package boundaries", () => {
  it("lists every public entry", async () => {
    assert.deepStrictEqual([...Object.keys(entries), "@koredump/client/node"], await publicEntries("client-sdk"))
  })

  it.each(Object.entries(entries))("%s runs in a browser and bundles only these packages", async (entry, packages) => {
    assert.deepStrictEqual(await bundle(entry, "browser"), { packages, builtins: [] })
  })

  it("@koredump/client/node bundles no Kubernetes client", async () => {
    const { packages } = await bundle("@koredump/client/node", "node")
    assert.includeMembers([...packages], ["@koredump/client", "@koredump/compression", "@koredump/core", "effect"])
    assert.deepStrictEqual(packages.filter((name) => /kubernetes|undici/.test(name)), [])
  })
})
