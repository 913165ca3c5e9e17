import { assert, describe, it } from "@effect/vitest"
import { bundle, loadedAtStart, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  // Works with any source: contains nothing that reads a host.
  "@koredump/server": ["@koredump/core", "@koredump/server"],
  "./packages/server/src/main.ts": [
    "@koredump/client",
    "@koredump/compression",
    "@koredump/core",
    "@koredump/kubernetes",
    "@koredump/node-source",
    "@koredump/server",
    "@koredump/transport"
  ]
}

describe("the package's boundaries", () => {
  it("is described for every public entry", async () => {
    assert.deepStrictEqual(await publicEntries("server"), ["@koredump/server"])
  })

  it.each(Object.entries(entries))("%s contains only the packages that it needs", async (entry, ours) => {
    const { packages } = await bundle(entry, "node")
    assert.deepStrictEqual(packages.filter((name) => name.startsWith("@koredump/")), ours)
    // In the program it is a separate chunk, which is loaded only with Kubernetes.
    assert.strictEqual(packages.includes("@kubernetes/client-node"), ours.includes("@koredump/kubernetes"))
  })

  it("checks the version of Node.js before it loads packages that need a new one", async () => {
    assert.deepStrictEqual(await loadedAtStart("./packages/server/src/main.ts"), ["@koredump/server"])
  })
})
