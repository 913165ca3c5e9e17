import { assert, describe, it } from "@effect/vitest"
import { bundle, loadedAtStart, publicEntries } from "../../../test-support/bundle.ts"

const entries = {
  // Over any source: it knows no host.
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
  it("states every public entry", async () => {
    assert.deepStrictEqual(await publicEntries("server"), ["@koredump/server"])
  })

  it.each(Object.entries(entries))("%s takes in only what it must", async (entry, ours) => {
    const { packages } = await bundle(entry, "node")
    assert.deepStrictEqual(packages.filter((name) => name.startsWith("@koredump/")), ours)
    // The program has it in a chunk of its own, loaded where there is a Kubernetes.
    assert.strictEqual(packages.includes("@kubernetes/client-node"), ours.includes("@koredump/kubernetes"))
  })

  it("says what it thinks of this Node before it loads what an old one cannot", async () => {
    assert.deepStrictEqual(await loadedAtStart("./packages/server/src/main.ts"), ["@koredump/server"])
  })
})
