import { assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const exec = promisify(execFile)
const root = fileURLToPath(new URL("..", import.meta.url))
const tsc = join(root, "node_modules/typescript/bin/tsc")

interface Manifest {
  readonly name: string
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Installs what `npm publish` would send of one package, and no dependency but those that it declares. */
const install = async (directory: string, project: string): Promise<Manifest> => {
  const { stdout } = await exec("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], {
    cwd: directory
  })
  const [{ filename }] = JSON.parse(stdout) as [{ readonly filename: string }]
  await exec("tar", ["-xzf", filename], { cwd: project })
  const manifest = JSON.parse(await readFile(join(project, "package/package.json"), "utf8")) as Manifest
  const target = join(project, "node_modules", manifest.name)
  await mkdir(dirname(target), { recursive: true })
  await cp(join(project, "package"), target, { recursive: true })
  await rm(join(project, "package"), { recursive: true })
  return manifest
}

/** What is published, as a program outside of this repository gets it. */
describe("the packed packages", () => {
  let project: string
  let manifests: ReadonlyArray<Manifest>

  beforeAll(async () => {
    await exec("npm", ["run", "build"], { cwd: root })
    project = await mkdtemp(join(tmpdir(), "koredump-packed-"))
    const directories = (await readdir(join(root, "packages"))).map((name) => join(root, "packages", name))
    const installed: Array<Manifest> = []
    for (const directory of directories) installed.push(await install(directory, project))
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
    const { stdout } = await exec(process.execPath, [join(project, "main.ts")])
    assert.strictEqual(stdout, "loaded\n")
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
