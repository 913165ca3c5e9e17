import { assert, describe, it } from "@effect/vitest"
import {
  findVersionMismatches,
  setChartVersion,
  setLockVersions,
  type Sources
} from "../../scripts/release/versions.ts"

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
const chart = "name: koredump\n# A comment.\nversion: 1.2.3\nappVersion: 1.2.3\n"
const agreed: Sources = { packages: [core, cli], lock, chart, values: "image: { tag: \"\" }", tag: "v1.2.3" }

describe("findVersionMismatches", () => {
  const table: ReadonlyArray<readonly [string, Partial<Sources>, ReadonlyArray<string>]> = [
    ["accepts equal versions", {}, []],
    ["accepts a missing tag", { tag: undefined }, []],
    ["accepts the version as image tag", { values: "image: { tag: 1.2.3 }" }, []],
    ["reports the tag", { tag: "v1.2.4" }, [`the tag is "1.2.4", expected "1.2.3"`]],
    ["reports a package", {
      packages: [core, { ...cli, manifest: { ...cli.manifest, version: "1.2.2" } }]
    }, [`@koredump/cli is "1.2.2", expected "1.2.3"`]],
    ["reports a dependency", {
      packages: [core, { ...cli, manifest: { ...cli.manifest, devDependencies: { "@koredump/core": "^1.2.3" } } }]
    }, [`@koredump/core in packages/cli/package.json is "^1.2.3", expected "1.2.3"`]],
    ["reports the lock file", {
      lock: { packages: { "packages/cli": { version: "1.2.2", dependencies: { "@koredump/core": "1.2.1" } } } }
    }, [
      `packages/core in package-lock.json is missing, expected "1.2.3"`,
      `packages/cli in package-lock.json is "1.2.2", expected "1.2.3"`,
      `@koredump/core of packages/cli in package-lock.json is "1.2.1", expected "1.2.3"`
    ]],
    ["reports the chart", { chart: "version: 1.2.2\nappVersion: 1.2.3" }, [
      `the chart's version is "1.2.2", expected "1.2.3"`
    ]],
    ["reports the appVersion and the image tag that follows it", { chart: "version: 1.2.3\nappVersion: 1.2" }, [
      `the chart's appVersion is 1.2, expected "1.2.3"`,
      `the chart's image.tag is 1.2, expected "1.2.3"`
    ]],
    ["reports the image tag", { values: "image: { tag: latest }" }, [
      `the chart's image.tag is "latest", expected "1.2.3"`
    ]]
  ]
  it.each(table)("%s", (_, sources, expected) => {
    assert.deepStrictEqual(findVersionMismatches({ ...agreed, ...sources }), expected)
  })
})

describe("a new version", () => {
  it("is set in Chart.yaml, without other changes", () => {
    assert.strictEqual(
      setChartVersion(chart, "1.10.0"),
      "name: koredump\n# A comment.\nversion: 1.10.0\nappVersion: 1.10.0\n"
    )
    assert.throws(() => setChartVersion("version: 1.2.3\n", "1.10.0"), "version or appVersion is missing in Chart.yaml")
  })

  it("is set in the lock file, without other changes", () => {
    const next = [
      { ...core, manifest: { ...core.manifest, version: "1.3.0" } },
      {
        ...cli,
        manifest: { ...cli.manifest, version: "1.3.0", devDependencies: { "@koredump/core": "1.3.0", effect: "4.1.0" } }
      }
    ]
    assert.deepStrictEqual(setLockVersions(lock, next), {
      packages: {
        "packages/core": { version: "1.3.0" },
        "packages/cli": { version: "1.3.0", devDependencies: { "@koredump/core": "1.3.0", effect: "4.1.0" } },
        "node_modules/effect": { version: "4.1.0" }
      }
    })
    assert.throws(() => setLockVersions({ packages: {} }, next), "packages/core is missing in package-lock.json")
  })
})
