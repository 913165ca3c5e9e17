import { assert, describe, it } from "@effect/vitest"
import { findPackageProblems } from "../../scripts/release/completeness.ts"
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

describe("findPackageProblems", () => {
  const table: ReadonlyArray<readonly [string, Partial<Packed>, ReadonlyArray<string>]> = [
    ["accepts a complete package", {}, []],
    ["reports missing fields", { manifest: bare }, [
      "@koredump/cli has no description",
      "@koredump/cli does not have the repository git+https://github.com/koredump/koredump.git",
      "@koredump/cli does not have the repository directory packages/cli",
      "@koredump/cli does not declare a Node.js version (engines)"
    ]],
    ["reports a different license", { manifest: { ...manifest, license: "MIT" } }, [
      "@koredump/cli does not have the license Apache-2.0"
    ]],
    ["reports a different directory", { directory: "packages/other" }, [
      "@koredump/cli does not have the repository directory packages/other"
    ]],
    ["reports a missing build", { files: files.filter(({ path }) => !path.startsWith("dist/")) }, [
      "@koredump/cli does not contain dist/index.d.ts",
      "@koredump/cli does not contain dist/index.js",
      "@koredump/cli does not contain dist/main.js",
      "@koredump/cli does not contain dist/THIRD-PARTY-LICENSES.txt"
    ]],
    ["accepts a package without commands", {
      manifest: library,
      files: files.filter(({ path }) => !path.endsWith(".txt"))
    }, []],
    ["reports missing texts", { files: files.slice(2) }, [
      "@koredump/cli does not contain LICENSE",
      "@koredump/cli does not contain README.md"
    ]],
    ["reports a script that runs during installation", { manifest: { ...manifest, scripts: { postinstall: "x" } } }, [
      "@koredump/cli has a postinstall script"
    ]],
    ["reports files that do not belong to the package", {
      files: [...files, file("test/a.test.ts"), file("dist/bin/x", 2 ** 27)]
    }, [
      "@koredump/cli contains dist/bin/x with 134217728 bytes, which is too large",
      "@koredump/cli contains test/a.test.ts, which is not part of the package"
    ]]
  ]
  it.each(table)("%s", (_, change, expected) => {
    assert.deepStrictEqual(findPackageProblems({ ...packed, ...change }), expected)
  })
})
