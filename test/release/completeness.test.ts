import { assert, describe, it } from "@effect/vitest"
import { shortcomings } from "../../scripts/release/completeness.ts"
import { type Manifest, type Packed } from "../../test-support/packages.ts"

const manifest: Manifest = {
  name: "@koredump/cli",
  version: "1.2.3",
  description: "A program",
  license: "Apache-2.0",
  repository: { url: "git+https://github.com/koredump/koredump.git", directory: "packages/cli" },
  engines: { node: ">=22.19.0" },
  bin: { program: "./dist/main.js" },
  exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" }, "./package.json": "./package.json" },
  scripts: { build: "tsup" }
}
const file = (path: string, size = 1) => ({ path, size })
const files = [
  "LICENSE",
  "README.md",
  "package.json",
  "dist/THIRD-PARTY-LICENSES.txt",
  "dist/main.js",
  "dist/index.js",
  "dist/index.d.ts",
  "src/main.ts"
]
  .map((path) => file(path))
const packed: Packed = { directory: "packages/cli", tarball: "/cli.tgz", manifest, files }
const { description: _d, engines: _e, repository: _r, ...bare } = manifest
const { bin: _b, ...library } = manifest

describe("a package that is packed", () => {
  const table: ReadonlyArray<readonly [string, Partial<Packed>, ReadonlyArray<string>]> = [
    ["has all", {}, []],
    ["says nothing of itself", { manifest: bare }, [
      "@koredump/cli has no description",
      "@koredump/cli has not the repository git+https://github.com/koredump/koredump.git",
      "@koredump/cli has not the repository's directory packages/cli",
      "@koredump/cli does not say which Node it needs (engines)"
    ]],
    ["has another license", { manifest: { ...manifest, license: "MIT" } }, [
      "@koredump/cli has not the license Apache-2.0"
    ]],
    ["was moved", { directory: "packages/other" }, [
      "@koredump/cli has not the repository's directory packages/other"
    ]],
    ["was not built", { files: files.filter(({ path }) => !path.startsWith("dist/")) }, [
      "@koredump/cli lacks dist/index.d.ts",
      "@koredump/cli lacks dist/index.js",
      "@koredump/cli lacks dist/main.js",
      "@koredump/cli lacks dist/THIRD-PARTY-LICENSES.txt"
    ]],
    ["has no program", { manifest: library, files: files.filter(({ path }) => !path.endsWith(".txt")) }, []],
    ["lacks texts", { files: files.slice(2) }, ["@koredump/cli lacks LICENSE", "@koredump/cli lacks README.md"]],
    ["would run something at its installation", { manifest: { ...manifest, scripts: { postinstall: "x" } } }, [
      "@koredump/cli runs a script at postinstall"
    ]],
    ["has what is not for users", { files: [...files, file("test/a.test.ts"), file("dist/bin/x", 2 ** 27)] }, [
      "@koredump/cli has 134217728 bytes of dist/bin/x",
      "@koredump/cli has test/a.test.ts, which is no part of it"
    ]]
  ]
  it.each(table)("%s", (_, change, expected) => {
    assert.deepStrictEqual(shortcomings({ ...packed, ...change }), expected)
  })
})
