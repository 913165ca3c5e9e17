/**
 * Run with: npm run release:check            (npm run release:check -- --tag v0.1.0 also checks the tag)
 *
 * Proves that what is built may be released: one version everywhere, packages that have what they must, and that
 * install into empty projects with nothing but the registry and work there. Leaves in `dist/release` the very archives
 * to publish (`publish.txt`: in which order) and bills of materials in CycloneDX.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { bundledFiles } from "../test-support/bundle.ts"
import { pack, type Packed, publishedPackages, root } from "../test-support/packages.ts"
import { shortcomings } from "./release/completeness.ts"
import { closureOf, Installation } from "./release/Installation.ts"
import { type Component, componentAt, locationOf, type Sbom, sbomOf } from "./release/sbom.ts"
import { disagreements, type Lock } from "./release/versions.ts"

const exec = promisify(execFile)
const say = (line: string) => void process.stdout.write(`${line}\n`)
const read = (file: string) => readFile(join(root, file), "utf8")

const { values: { tag } } = parseArgs({ options: { tag: { type: "string" } } })
const release = join(root, "dist/release")
const packages = await publishedPackages()
const lock = JSON.parse(await read("package-lock.json")) as Lock
const names = new Map(packages.map(({ directory, manifest }) => [directory, manifest.name]))
const version = packages[0]!.manifest.version

const refuse = (reasons: ReadonlyArray<string>) => {
  if (reasons.length === 0) return
  throw new Error(`This cannot be released:\n${reasons.map((reason) => `  ${reason}`).join("\n")}`)
}

/** What is in the bundles of a package's programs. */
const bundledIn = async (directory: string): Promise<ReadonlyArray<Component>> => {
  const files = await bundledFiles(join(root, directory, "src/main.ts"))
  return [...new Set(files.map(locationOf))].map((location) => componentAt(lock, names, location))
}

/** What no bundle can hold: addons, those for all platforms of the image. */
const addons = ["", "-linux-x64-gnu", "-linux-arm64-gnu"].map((platform) => `node_modules/@napi-rs/xattr${platform}`)

/** What the image has of npm: programs, addons and Node; what Debian brings is in the image's own bill, made when it is built. */
const imageSbom = (like: Sbom, programs: ReadonlyArray<Component>): Sbom => {
  const node = componentAt(lock, names, "node_modules/node")
  const subject: Component = {
    type: "container",
    "bom-ref": `koredump-image@${version}`,
    name: "koredump",
    version,
    purl: `pkg:oci/koredump?tag=${version}`
  }
  return sbomOf({ ...like, components: [], dependencies: [] }, subject, [
    ...programs,
    ...addons.map((location) => componentAt(lock, names, location)),
    { ...node, type: "application", cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*` }
  ])
}

const write = async (name: string, sbom: Sbom) => {
  const file = `${name}-${version}.cdx.json`
  await writeFile(join(release, file), `${JSON.stringify(sbom, null, 2)}\n`)
  say(`\n  ${file}: ${sbom.bomFormat} ${sbom.specVersion}, ${sbom.components.length} components`)
  say(`  ${sbom.components.map((component) => component["bom-ref"]).join(", ")}`)
}

const packAll = async (): Promise<ReadonlyArray<Packed>> => {
  await rm(release, { recursive: true, force: true })
  await mkdir(release, { recursive: true })
  const packed: Array<Packed> = []
  for (const published of packages) packed.push(await pack(published, release))
  refuse(packed.flatMap(shortcomings))
  // A package's dependencies need fewer packages than it does itself.
  const order = packed.toSorted((a, b) => closureOf(a, packed).length - closureOf(b, packed).length)
  await writeFile(join(release, "publish.txt"), order.map(({ tarball }) => `${basename(tarball)}\n`).join(""))
  return order
}

/** Each package in a project of its own. */
const tryAll = async (packed: ReadonlyArray<Packed>) => {
  const scratch = await mkdtemp(join(tmpdir(), "koredump-release-"))
  try {
    await exec("tar", ["-xzf", join(root, "examples/sample-host/sample-host.tar.gz"), "-C", scratch])
    const host = join(scratch, "sample-host")
    const programs: Array<Component> = []
    let latest: Sbom | undefined
    for (const one of packed) {
      const { directory, manifest, tarball } = one
      say(`\n== ${manifest.name} in an empty project`)
      const installation = await Installation.of(one, packed, join(scratch, basename(directory)))
      for (const entry of await installation.imports()) say(`  import ${entry}`)
      for (const command of await installation.runs(host)) say(`  ${command}`)
      const bundled = manifest.bin === undefined ? [] : await bundledIn(directory)
      programs.push(...bundled)
      const sbom = sbomOf(await installation.sbom(), componentAt(lock, names, directory), bundled)
      await write(basename(tarball, `-${version}.tgz`), sbom)
      latest = sbom
    }
    say(`\n== the image's programs`)
    await write("koredump-image", imageSbom(latest!, programs))
  } finally {
    await rm(scratch, { recursive: true })
  }
}

const main = async () => {
  say(`== versions`)
  refuse(disagreements({
    packages,
    lock,
    chart: await read("charts/koredump/Chart.yaml"),
    values: await read("charts/koredump/values.yaml"),
    tag
  }))
  say(`${version}: ${packages.length} packages, lock file, chart, appVersion and image`)

  say(`\n== packages`)
  const packed = await packAll()
  for (const { files, manifest, tarball } of packed) {
    say(`${manifest.name}: ${files.length} files in ${basename(tarball)}`)
  }

  await tryAll(packed)
  say(`\n${version} may be released: dist/release`)
}

await main().catch((error: Error) => {
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
})
