import { assert, describe, it } from "@effect/vitest"
import { chartOfVersion, disagreements, lockOfPackages, type Sources } from "../../scripts/release/versions.ts"

const manifest = { version: "1.2.3", exports: {} }
const core = { directory: "packages/core", manifest: { ...manifest, name: "@koredump/core" } }
const cli = {
  directory: "packages/cli",
  manifest: { ...manifest, name: "@koredump/cli", devDependencies: { "@koredump/core": "1.2.3", effect: "4.1.0" } }
}
const lock = {
  packages: {
    "packages/core": { version: "1.2.3" },
    "packages/cli": { version: "1.2.3", devDependencies: { "@koredump/core": "1.2.3", effect: "4.1.0" } },
    "node_modules/effect": { version: "4.1.0" }
  }
}
const chart = "name: koredump\n# Both are one.\nversion: 1.2.3\nappVersion: 1.2.3\n"
const agreed: Sources = { packages: [core, cli], lock, chart, values: "image: { tag: \"\" }", tag: "v1.2.3" }

describe("one version", () => {
  const table: ReadonlyArray<readonly [string, Partial<Sources>, ReadonlyArray<string>]> = [
    ["everywhere", {}, []],
    ["without a tag", { tag: undefined }, []],
    ["with the tag of the image written out", { values: "image: { tag: 1.2.3 }" }, []],
    ["not of the tag", { tag: "v1.2.4" }, [`the tag is "1.2.4", not "1.2.3"`]],
    ["not of a package", {
      packages: [core, { ...cli, manifest: { ...cli.manifest, version: "1.2.2" } }]
    }, [`@koredump/cli is "1.2.2", not "1.2.3"`]],
    ["not of a dependency", {
      packages: [core, { ...cli, manifest: { ...cli.manifest, devDependencies: { "@koredump/core": "^1.2.3" } } }]
    }, [`@koredump/core in packages/cli/package.json is "^1.2.3", not "1.2.3"`]],
    ["not of the lock file", {
      lock: { packages: { "packages/cli": { version: "1.2.2", dependencies: { "@koredump/core": "1.2.1" } } } }
    }, [
      `packages/core in package-lock.json is missing, not "1.2.3"`,
      `packages/cli in package-lock.json is "1.2.2", not "1.2.3"`,
      `@koredump/core of packages/cli in package-lock.json is "1.2.1", not "1.2.3"`
    ]],
    ["not of the chart", { chart: "version: 1.2.2\nappVersion: 1.2.3" }, [
      `the chart's version is "1.2.2", not "1.2.3"`
    ]],
    ["not of the chart's programs, nor so of the image", { chart: "version: 1.2.3\nappVersion: 1.2" }, [
      `the chart's appVersion is 1.2, not "1.2.3"`,
      `the chart's image.tag is 1.2, not "1.2.3"`
    ]],
    ["not of the image", { values: "image: { tag: latest }" }, [`the chart's image.tag is "latest", not "1.2.3"`]]
  ]
  it.each(table)("%s", (_, sources, expected) => {
    assert.deepStrictEqual(disagreements({ ...agreed, ...sources }), expected)
  })
})

describe("a new version", () => {
  it("comes into Chart.yaml, which is kept else", () => {
    assert.strictEqual(
      chartOfVersion(chart, "1.10.0"),
      "name: koredump\n# Both are one.\nversion: 1.10.0\nappVersion: 1.10.0\n"
    )
    assert.throws(() => chartOfVersion("version: 1.2.3\n", "1.10.0"), "Chart.yaml lacks version or appVersion")
  })

  it("comes into the lock file, and nothing else does", () => {
    const next = [
      { ...core, manifest: { ...core.manifest, version: "1.3.0" } },
      {
        ...cli,
        manifest: { ...cli.manifest, version: "1.3.0", devDependencies: { "@koredump/core": "1.3.0", effect: "4.1.0" } }
      }
    ]
    assert.deepStrictEqual(lockOfPackages(lock, next), {
      packages: {
        "packages/core": { version: "1.3.0" },
        "packages/cli": { version: "1.3.0", devDependencies: { "@koredump/core": "1.3.0", effect: "4.1.0" } },
        "node_modules/effect": { version: "4.1.0" }
      }
    })
    assert.throws(() => lockOfPackages({ packages: {} }, next), "package-lock.json lacks packages/core")
  })
})
