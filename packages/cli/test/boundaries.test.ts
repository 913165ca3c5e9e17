import { assert, describe, it } from "@effect/vitest"
import { bundle, loadedAtStart, publicEntries } from "../../../test-support/bundle.ts"

describe("the package's boundaries", () => {
  it("publishes the program alone", async () => {
    assert.deepStrictEqual(await publicEntries("cli"), [])
  })

  it("takes in no server", async () => {
    const { packages } = await bundle("./packages/cli/src/main.ts", "node")
    assert.deepStrictEqual(packages.filter((name) => name.startsWith("@koredump/")), [
      "@koredump/cli",
      "@koredump/client",
      "@koredump/compression",
      "@koredump/core",
      "@koredump/kubernetes",
      "@koredump/node-source"
    ])
  })

  it("loads what few runs need on demand", async () => {
    const loaded = await loadedAtStart("./packages/cli/src/program.ts")
    assert.deepStrictEqual(loaded.filter((name) => name.startsWith("@koredump/")), [
      "@koredump/cli",
      "@koredump/client",
      "@koredump/core"
    ])
    for (const large of ["@kubernetes/client-node", "yaml"]) assert.notInclude(loaded, large)
  })

  it.each(["main", "kubectl-koredump"])(
    "%s says what it thinks of this Node before it loads what an old one cannot",
    async (name) => {
      assert.deepStrictEqual(await loadedAtStart(`./packages/cli/src/${name}.ts`), ["@koredump/cli"])
    }
  )
})
