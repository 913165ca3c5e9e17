import { assert, describe, it } from "@effect/vitest"
import { bundle, publicEntries } from "../../../test-support/bundle.ts"

describe("the package's boundaries", () => {
  it("states every public entry", async () => {
    assert.deepStrictEqual(await publicEntries("client-sdk"), [
      "@koredump/client",
      "@koredump/client/effect",
      "@koredump/client/node"
    ])
  })

  it.each(["@koredump/client", "@koredump/client/effect"])("%s runs in a browser", async (entry) => {
    assert.deepStrictEqual(await bundle(entry, "browser"), {
      packages: ["@koredump/client", "@koredump/core", "effect"],
      builtins: []
    })
  })

  it("@koredump/client/node takes in only what files need", async () => {
    assert.deepStrictEqual((await bundle("@koredump/client/node", "node")).packages, [
      "@effect/platform-node",
      "@effect/platform-node-shared",
      "@koredump/client",
      "@koredump/compression",
      "@koredump/core",
      "effect",
      "xz-decompress"
    ])
  })
})
