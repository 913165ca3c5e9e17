import { assert, describe, it } from "@effect/vitest"
import manifest from "../package.json" with { type: "json" }
import { checkNodejsVersion } from "../src/checkNodejsVersion.ts"

const needed = /^>=(\d+\.\d+)\.0$/.exec(manifest.engines.node)![1]!

describe("checkNodejsVersion", () => {
  it.each([`${needed}.0`, "22.20.1", "23.0.0", "24.21.0", "26.1.0-nightly20260101", process.versions.node])(
    "accepts %s",
    (version) => assert.isUndefined(checkNodejsVersion("koredump-server", version))
  )

  it.each(["22.18.9", "22.2.0", "21.30.0", "20.20.2", "18.20.8", "9.99.0"])("rejects %s", (version) => {
    assert.strictEqual(
      checkNodejsVersion("koredump-server", version),
      `koredump-server requires Node.js ${needed} or newer, but this is Node.js ${version}. In a clone, run it with npx.`
    )
  })
})
