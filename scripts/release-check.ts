/**
 * Run with: npm run release:check            (npm run release:check -- --tag v0.1.0 also checks the tag)
 *
 * Checks that the build can be released: all versions are equal, the packages are complete, and each package can be
 * installed in an empty project and works there. Writes the archives to publish, their order (`publish.txt`) and SBOMs in
 * CycloneDX to `dist/release`.
 */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { bundledFiles } from "../test-support/bundle.ts"
import { pack, type Packed, publishedPackages, root } from "../test-support/packages.ts"
import { findPackageProblems } from "./release/completeness.ts"
import { Installation, withDependencies } from "./release/Installation.ts"
import { findLockProblems, shippedBinaries } from "./release/lock.ts"
import { type Component, createSbom, findLocation, readComponent, type Sbom } from "./release/sbom.ts"
import { findVersionMismatches, type Lock } from "./release/versions.ts"

const exec = promisify(execFile)
const say = (line: string) => void process.stdout.write(`${line}\n`)
const read = (file: string) => readFile(join(root, file), "utf8")

const { values: { tag } } = parseArgs({ options: { tag: { type: "string" } } })
const release = join(root, "dist/release")
const packages = await publishedPackages()
const lock = JSON.parse(await read("package-lock.json")) as Lock
const names = new Map(packages.map(({ directory, manifest }) => [directory, manifest.name]))
const version = packages[0]!.manifest.version

const failOn = (problems: ReadonlyArray<string>) => {
  if (problems.length === 0) return
  throw new Error(`The release check failed:\n${problems.map((problem) => `  ${problem}`).join("\n")}`)
}

/** The packages in the bundles of a package's commands. */
const listBundled = async (directory: string): Promise<ReadonlyArray<Component>> => {
  const files = await bundledFiles(join(root, directory, "src/main.ts"))
  return [...new Set(files.map(findLocation))].map((location) => readComponent(lock, names, location))
}

/** Node.js and native addons are not bundled. The image has them for all of its platforms. */
const nodejs = shippedBinaries.filter((location) => location.includes("/node-"))
const addons = ["node_modules/@napi-rs/xattr", ...shippedBinaries.filter((location) => location.includes("/xattr-"))]

const readNodejs = (location: string): Component => {
  const component = readComponent(lock, names, location)
  const cpe = `cpe:2.3:a:nodejs:node.js:${component.version}:*:*:*:*:*:*:*`
  return { ...component, type: "application", cpe }
}

/** The npm part of the image: programs, addons and Node.js. The build of the image creates another SBOM for Debian. */
const createImageSbom = (template: Sbom, programs: ReadonlyArray<Component>): Sbom => {
  const subject: Component = {
    type: "container",
    "bom-ref": `koredump-image@${version}`,
    name: "koredump",
    version,
    purl: `pkg:oci/koredump?tag=${version}`
  }
  return createSbom({ ...template, components: [], dependencies: [] }, subject, [
    ...programs,
    ...addons.map((location) => readComponent(lock, names, location)),
    ...nodejs.map(readNodejs)
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
  failOn(packed.flatMap(findPackageProblems))
  // Publish dependencies first: a package has more dependencies than each of them.
  const order = packed.toSorted((a, b) => withDependencies(a, packed).length - withDependencies(b, packed).length)
  await writeFile(join(release, "publish.txt"), order.map(({ tarball }) => `${basename(tarball)}\n`).join(""))
  return order
}

/** Installs each package in a separate project. */
const installAll = async (packed: ReadonlyArray<Packed>) => {
  const scratch = await mkdtemp(join(tmpdir(), "koredump-release-"))
  try {
    await exec("tar", ["-xzf", join(root, "examples/sample-host/sample-host.tar.gz"), "-C", scratch])
    const host = join(scratch, "sample-host")
    const programs: Array<Component> = []
    let latest: Sbom | undefined
    for (const one of packed) {
      const { directory, manifest, tarball } = one
      say(`\n== ${manifest.name} in an empty project`)
      const installation = await Installation.create(one, packed, join(scratch, basename(directory)))
      for (const entry of await installation.imports()) say(`  import ${entry}`)
      for (const command of await installation.runs(host)) say(`  ${command}`)
      const bundled = manifest.bin === undefined ? [] : await listBundled(directory)
      programs.push(...bundled)
      const sbom = createSbom(await installation.sbom(), readComponent(lock, names, directory), bundled)
      await write(basename(tarball, `-${version}.tgz`), sbom)
      latest = sbom
    }
    say(`\n== programs in the image`)
    await write("koredump-image", createImageSbom(latest!, programs))
  } finally {
    await rm(scratch, { recursive: true })
  }
}

const main = async () => {
  say(`== versions`)
  failOn(findVersionMismatches({
    packages,
    lock,
    chart: await read("charts/koredump/Chart.yaml"),
    values: await read("charts/koredump/values.yaml"),
    tag
  }))
  failOn(findLockProblems(lock.packages))
  say(`${version} in ${packages.length} packages, lock file, chart and image`)

  say(`\n== packages`)
  const packed = await packAll()
  for (const { files, manifest, tarball } of packed) {
    say(`${manifest.name}: ${files.length} files in ${basename(tarball)}`)
  }

  await installAll(packed)
  say(`\n${version} can be released. The files are in dist/release.`)
}

await main().catch((error: Error) => {
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
})
