import { assert, describe, it } from "@effect/vitest"
import { bundle, loadedAtStart, publicEntries } from "../../../test-support/bundle.ts"

describe("the package's boundaries", () => {
  it("exports nothing but the program", async () => {
    assert.deepStrictEqual(await publicEntries("cli"), [])
  })

  it("does not include a server", async () => {
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

  it("loads rarely used code on demand", async () => {
    const loaded = await loadedAtStart("./packages/cli/src/program.ts")
    assert.deepStrictEqual(loaded.filter((name) => name.startsWith("@koredump/")), [
      "@koredump/cli",
      "@koredump/client",
      "@koredump/core"
    ])
    for (const large of ["@kubernetes/client-node", "yaml"]) assert.notInclude(loaded, large)
  })

  it.each(["main", "kubectl-koredump"])(
    "%s checks the version of Node.js before it loads the program",
    async (name) => {
      assert.deepStrictEqual(await loadedAtStart(`./packages/cli/src/${name}.ts`), ["@koredump/cli"])
    }
  )
})
