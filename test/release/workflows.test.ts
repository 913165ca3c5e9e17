/** GitHub's workflows cannot run here; what they take from the repository is there, though. */
import { assert, describe, it } from "@effect/vitest"
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { root } from "../../test-support/packages.ts"

const read = (file: string) => readFile(join(root, file), "utf8")

describe("workflows", () => {
  it("run scripts that exist", async () => {
    const files = await readdir(join(root, ".github/workflows"))
    const texts = await Promise.all(files.map((file) => read(`.github/workflows/${file}`)))
    const used = texts.flatMap((text) => Array.from(text.matchAll(/npm run ([\w:-]+)/g), ([, name]) => name!))
    const { scripts } = JSON.parse(await read("package.json")) as { readonly scripts: Readonly<Record<string, string>> }
    assert.deepStrictEqual([...new Set(used)].toSorted(), ["build:cli-binary", "release:check", "version"])
    assert.deepStrictEqual(used.filter((name) => !(name in scripts)), [])
  })

  it("put the registry before the chart's image", async () => {
    const replaced = /sed -i "s\|(.+?)\|/.exec(await read(".github/workflows/release.yml"))?.[1]
    assert.match(await read("charts/koredump/values.yaml"), new RegExp(replaced!, "m"))
  })
})
