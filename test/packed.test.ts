import { assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import {
  listEntries,
  type Manifest,
  pack,
  type Package,
  publishedPackages,
  readPackage,
  root
} from "../test-support/packages.ts"

const exec = promisify(execFile)
const tsc = join(root, "node_modules/typescript/bin/tsc")

/** Unpacks the files that `npm publish` would upload. */
const install = async (published: Package, project: string): Promise<Manifest> => {
  const { manifest, tarball } = await pack(published, project)
  const target = join(project, "node_modules", manifest.name)
  await mkdir(target, { recursive: true })
  await exec("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"])
  return manifest
}

/** The published packages, installed outside this repository. */
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

  it("type-check in a program without skipLibCheck", async () => {
    const { stdout } = await exec(process.execPath, [tsc, "-p", project]).catch((error: { stdout: string }) => error)
    assert.strictEqual(stdout, "")
  })

  it("can be imported", async () => {
    const program = await readFile(join(project, "main.ts"), "utf8")
    const imported = Array.from(program.matchAll(/ from "(.*)"/g), ([, entry]) => entry)
    assert.deepStrictEqual(imported, manifests.flatMap(listEntries).toSorted())
    const { stdout } = await exec(process.execPath, [join(project, "main.ts")])
    assert.strictEqual(stdout, "loaded\n")
  })

  it.each([
    ["@koredump/server", ["@scalar/api-reference", "content-disposition", "range-parser"]],
    ["@koredump/cli", ["yaml"]]
  ])("include the licenses of their bundled dependencies: %s", async (name, extra) => {
    const file = await readFile(join(project, "node_modules", name, "dist/THIRD-PARTY-LICENSES.txt"), "utf8")
    const [, ...parts] = file.split(/^={80}\n(\S+) .*\n={80}$/m)
    const texts = new Map(parts.flatMap((part, i) => i % 2 === 0 ? [[part, parts[i + 1]!] as const] : []))
    for (const [dependency, text] of texts) assert.match(text, /copyright|public domain|MIT License/i, dependency)
    const common = [
      "@effect/platform-node",
      "@kubernetes/client-node",
      "effect",
      "lru-cache",
      "undici",
      "ws",
      "xz-decompress"
    ]
    assert.includeMembers([...texts.keys()], [...common, ...extra])
    assert.deepStrictEqual([...texts.keys()].filter((name) => name.startsWith("@koredump/")), [])
  })

  it("contain commands that run", async () => {
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

describe("a clone of the repository", () => {
  let clone: string
  const withCommands = ["cli", "server"]

  beforeAll(async () => {
    await exec("npm", ["run", "build"], { cwd: root })
    clone = await mkdtemp(join(tmpdir(), "koredump-clone-"))
    await writeFile(join(clone, "package.json"), JSON.stringify({ private: true, workspaces: ["packages/*"] }))
    for (const name of withCommands) {
      const { bin, name: packageName, version } = (await readPackage(`packages/${name}`)).manifest
      const target = join(clone, "packages", name)
      await cp(join(root, "packages", name, "bin"), join(target, "bin"), { recursive: true })
      // Without dependencies, so that the installation needs no registry.
      const manifest = { name: packageName, version, type: "module", bin }
      await writeFile(join(target, "package.json"), JSON.stringify(manifest))
    }
    // Like `npm ci` in a clone: nothing is built yet.
    await exec("npm", ["install", "--offline", "--no-audit", "--no-fund"], { cwd: clone })
    return () => rm(clone, { recursive: true })
  }, 180_000)

  const run = (command: string) => {
    const path = [join(clone, "node_modules/.bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(":")
    return exec("sh", ["-c", command], { cwd: clone, env: { PATH: path } })
  }
  const commands = ["koredumpctl", "kubectl-koredump", "koredump-server"]

  it.each(commands)("says how to build %s", async (command) => {
    const failure = await run(`${command} --version`).catch((
      error: { readonly code: number; readonly stderr: string }
    ) => error)
    assert.deepInclude(failure, { code: 1, stderr: `${command} is not built. Run: npm run build\n` })
  })

  it("runs its commands after the build", async () => {
    for (const name of withCommands) {
      await symlink(join(root, "packages", name, "dist"), join(clone, "packages", name, "dist"))
    }
    for (const command of commands) {
      const { stdout } = await run(`${command} --version`)
      assert.match(stdout, /\d+\.\d+\.\d+/)
    }
  })

  it("runs the commands that the demo suggests", async () => {
    const { stdout } = await exec(process.execPath, [join(root, "examples/demo.ts"), "--once"])
    const suggested = Array.from(stdout.matchAll(/^ {2}npx (koredumpctl .*)$/gm), ([, command]) => command!)
    assert.isAbove(suggested.length, 2)
    for (const command of suggested) assert.isNotEmpty((await run(command)).stdout, command)
    await rm(/delete (\/\S+)\.$/m.exec(stdout)![1]!, { recursive: true })
  })
})
