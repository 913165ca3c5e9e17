import { assert, describe, it } from "@effect/vitest"
import { type Component, createSbom, findLocation, readComponent, type Sbom } from "../../scripts/release/sbom.ts"

const lock = {
  packages: {
    "packages/cli": { version: "1.2.3", license: "Apache-2.0" },
    "node_modules/@scope/a": { version: "2.0.0", license: "(MIT OR CC0-1.0)", integrity: "sha512-AAH/" },
    "node_modules/@scope/a/node_modules/b": { version: "1.0.0" },
    "node_modules/b": { version: "3.0.0", license: "MIT" }
  }
}
const at = (location: string) => readComponent(lock, new Map([["packages/cli", "@koredump/cli"]]), location)

describe("an SBOM", () => {
  it.each([
    ["packages/cli/src/main.ts", "packages/cli"],
    ["node_modules/b/dist/index.js", "node_modules/b"],
    ["node_modules/@scope/a/index.js", "node_modules/@scope/a"],
    ["node_modules/@scope/a/node_modules/b/index.js", "node_modules/@scope/a/node_modules/b"]
  ])("finds the package of %s", (file, location) => {
    assert.strictEqual(findLocation(file), location)
  })

  it("reads components from the lock file", () => {
    assert.deepStrictEqual(at("node_modules/@scope/a"), {
      type: "library",
      "bom-ref": "@scope/a@2.0.0",
      name: "@scope/a",
      version: "2.0.0",
      scope: "required",
      purl: "pkg:npm/%40scope/a@2.0.0",
      hashes: [{ alg: "SHA-512", content: "0001ff" }],
      licenses: [{ expression: "(MIT OR CC0-1.0)" }]
    })
    assert.deepStrictEqual(at("packages/cli").licenses, [{ license: { id: "Apache-2.0" } }])
    assert.strictEqual(at("node_modules/@scope/a/node_modules/b").purl, "pkg:npm/b@1.0.0")
    assert.throws(() => at("node_modules/c"), "node_modules/c has no version in package-lock.json")
    assert.throws(() => findLocation("scripts/version.ts"), "does not belong to a package")
  })

  it("has what is installed and what is bundled, each once", () => {
    const component = (ref: string): Component => ({
      ...at("node_modules/b"),
      "bom-ref": ref,
      name: ref.slice(0, ref.lastIndexOf("@"))
    })
    const installed: Sbom = {
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      serialNumber: "urn:uuid:1",
      metadata: { timestamp: "now", component: component("project@1.0.0") },
      components: [component("@koredump/cli@1.2.3"), component("native@1.0.0"), component("b@3.0.0")],
      dependencies: [
        { ref: "project@1.0.0", dependsOn: ["@koredump/cli@1.2.3"] },
        { ref: "@koredump/cli@1.2.3", dependsOn: ["native@1.0.0"] },
        { ref: "native@1.0.0", dependsOn: [] }
      ]
    }
    const subject = at("packages/cli")
    const sbom = createSbom(installed, subject, [subject, at("node_modules/b"), at("node_modules/@scope/a")])
    assert.deepStrictEqual(sbom.metadata, { timestamp: "now", component: subject })
    assert.deepStrictEqual(sbom.components.map(({ name }) => name), ["@scope/a", "b", "native"])
    assert.deepStrictEqual(sbom.dependencies, [
      { ref: "@koredump/cli@1.2.3", dependsOn: ["@scope/a@2.0.0", "b@3.0.0", "native@1.0.0"] },
      { ref: "native@1.0.0", dependsOn: [] }
    ])
    assert.notStrictEqual(sbom["serialNumber"], installed["serialNumber"])
  })
})
