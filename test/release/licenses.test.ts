import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { collectLicenses, licensesFile, thirdPartyLicenses } from "../../scripts/licenses.ts"

const bar = "=".repeat(80)
const manifest = (name: string, version: string, license: string) => JSON.stringify({ name, version, license })

/** A project that uses two packages, one of them in two versions, and has an unused one. */
const project: Readonly<Record<string, string>> = {
  "main.js": `import { a } from "@scope/a"; import { b } from "b"; import "unused"; console.log(a, b)`,
  "node_modules/@scope/a/package.json": manifest("@scope/a", "1.0.0", "MIT"),
  "node_modules/@scope/a/index.js": `import { b } from "b"; export const a = ["a", b]`,
  "node_modules/@scope/a/LICENCE.md": "Licence of a.\n",
  "node_modules/@scope/a/NOTICE": "Notice of a.\n",
  "node_modules/@scope/a/node_modules/b/package.json": manifest("b", "2.0.0", "ISC"),
  "node_modules/@scope/a/node_modules/b/index.js": `export const b = "b2"`,
  "node_modules/@scope/a/node_modules/b/license": "Licence of b 2.\n",
  "node_modules/b/package.json": manifest("b", "1.0.0", "ISC"),
  "node_modules/b/esm/package.json": `{ "type": "module" }`,
  "node_modules/b/index.js": `export * from "./esm/b.js"`,
  "node_modules/b/esm/b.js": `export const b = "b1"`,
  "node_modules/b/COPYING": "Licence of b 1.\n",
  "node_modules/b/NOTICE.txt": "Notice of b 1.\n",
  "node_modules/unused/package.json": JSON.stringify({ name: "unused", version: "1.0.0", sideEffects: false }),
  "node_modules/unused/index.js": `export const unused = "unused"`
}

const inProject = async <A>(files: Readonly<Record<string, string>>, use: (directory: string) => Promise<A>) => {
  const directory = await mkdtemp(join(tmpdir(), "koredump-licenses-"))
  try {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(directory, file)), { recursive: true })
      await writeFile(join(directory, file), text)
    }
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

const bundled = (directory: string) =>
  build({
    absWorkingDir: directory,
    entryPoints: ["main.js"],
    outdir: "dist",
    bundle: true,
    format: "esm",
    plugins: [thirdPartyLicenses],
    logLevel: "silent"
  })

describe("the licenses of a bundle", () => {
  it("are those of exactly the packages in it", () =>
    inProject(project, async (directory) => {
      const { metafile } = await bundled(directory)
      const expected = `Licenses of third-party code in this program

${bar}\n@scope/a 1.0.0 (MIT)\n${bar}\n\nLicence of a.\n\nNotice of a.

${bar}\nb 2.0.0 (ISC)\n${bar}\n\nLicence of b 2.

${bar}\nb 1.0.0 (ISC)\n${bar}\n\nLicence of b 1.\n\nNotice of b 1.\n`
      assert.strictEqual(await readFile(join(directory, "dist", licensesFile), "utf8"), expected)
      const more = collectLicenses([metafile!], directory, [join(directory, "node_modules/b")])
      assert.strictEqual(more, expected)
    }))

  it("fail the build if a text is missing", () =>
    inProject(project, async (directory) => {
      await rm(join(directory, "node_modules/b/COPYING"))
      const failure = await bundled(directory).then(() => "built", (error: Error) => error.message)
      assert.match(
        failure,
        /b 1\.0\.0 \(ISC\) is bundled, but its license text is missing\. Add it as .*licenses\/b\.txt/
      )
    }))

  it("come from scripts/licenses if a package has none", () =>
    inProject({
      "main.js": `import { xz } from "xz-decompress"; console.log(xz)`,
      "node_modules/xz-decompress/package.json": manifest("xz-decompress", "0.2.3", "MIT"),
      "node_modules/xz-decompress/index.js": `export const xz = "xz"`
    }, async (directory) => {
      await bundled(directory)
      assert.match(
        await readFile(join(directory, "dist", licensesFile), "utf8"),
        /Based on xzwasm \(c\) Steve Sanderson/
      )
    }))
})
