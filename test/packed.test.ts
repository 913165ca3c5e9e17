import { assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { entriesOf, type Manifest, pack, type Package, publishedPackages, root } from "../test-support/packages.ts"

const exec = promisify(execFile)
const tsc = join(root, "node_modules/typescript/bin/tsc")

/** Unpacks what `npm publish` would send of one package, and no dependency but those that it declares. */
const install = async (published: Package, project: string): Promise<Manifest> => {
  const { manifest, tarball } = await pack(published, project)
  const target = join(project, "node_modules", manifest.name)
  await mkdir(target, { recursive: true })
  await exec("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"])
  return manifest
}

/** What is published, as a program outside of this repository gets it. */
describe("the packed packages", () => {
  let project: string
  let manifests: ReadonlyArray<Manifest>

  beforeAll(async () => {
    await exec("npm", ["run", "build"], { cwd: root })
    project = await mkdtemp(join(tmpdir(), "koredump-packed-"))
    const installed: Array<Manifest> = []
    for (const published of await publishedPackages()) installed.push(await install(published, project))
    manifests = installed
    const needed = new Set(
      manifests.flatMap((manifest) => Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
    )
    for (const name of [...needed, "@types/node"].filter((name) => !name.startsWith("@koredump/"))) {
      await mkdir(dirname(join(project, "node_modules", name)), { recursive: true })
      await symlink(join(root, "node_modules", name), join(project, "node_modules", name))
    }
    await cp(fileURLToPath(new URL("fixtures/consumer", import.meta.url)), project, { recursive: true })
    return () => rm(project, { recursive: true })
  }, 180_000)

  it("type-check in a program that checks its libraries too", async () => {
    const { stdout } = await exec(process.execPath, [tsc, "-p", project]).catch((error: { stdout: string }) => error)
    assert.strictEqual(stdout, "")
  })

  it("load", async () => {
    const program = await readFile(join(project, "main.ts"), "utf8")
    const imported = Array.from(program.matchAll(/ from "(.*)"/g), ([, entry]) => entry)
    assert.deepStrictEqual(imported, manifests.flatMap(entriesOf).toSorted())
    const { stdout } = await exec(process.execPath, [join(project, "main.ts")])
    assert.strictEqual(stdout, "loaded\n")
  })

  it.each([
    ["@koredump/server", ["@scalar/api-reference"]],
    ["@koredump/cli", ["yaml"]]
  ])("bring the licences of what is bundled: %s", async (name, alone) => {
    const file = await readFile(join(project, "node_modules", name, "dist/THIRD-PARTY-LICENSES.txt"), "utf8")
    const [, ...parts] = file.split(/^={80}\n(\S+) .*\n={80}$/m)
    const texts = new Map(parts.flatMap((part, i) => i % 2 === 0 ? [[part, parts[i + 1]!] as const] : []))
    for (const [of, text] of texts) assert.match(text, /copyright|public domain|MIT License/i, of)
    const everywhere = ["@effect/platform-node", "@kubernetes/client-node", "effect", "undici", "ws", "xz-decompress"]
    assert.includeMembers([...texts.keys()], [...everywhere, ...alone])
    assert.deepStrictEqual([...texts.keys()].filter((of) => of.startsWith("@koredump/")), [])
  })

  it("bring programs that run", async () => {
    const programs = manifests.flatMap(({ bin, name }) =>
      Object.values(bin ?? {}).map((path) => join(project, "node_modules", name, path))
    )
    assert.strictEqual(programs.length, 3)
    for (const program of programs) {
      const { stdout } = await exec(process.execPath, [program, "--help"])
      assert.match(stdout, /USAGE/)
    }
  })
})
