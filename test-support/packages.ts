/** The published packages: manifests, public entries, and packed files. */
import { execFile } from "node:child_process"
import { readdir, readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const exec = promisify(execFile)

/** The root directory of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The used fields of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly description?: string
  readonly license?: string
  readonly repository?: { readonly url: string; readonly directory: string }
  readonly engines?: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** A package and its directory relative to the repository, such as `packages/core`. */
export interface Package {
  readonly directory: string
  readonly manifest: Manifest
}

/** Reads the package in `directory`, a path relative to the repository. */
export const readPackage = async (directory: string): Promise<Package> => ({
  directory,
  manifest: JSON.parse(await readFile(join(root, directory, "package.json"), "utf8")) as Manifest
})

/** All packages that are not private. */
export const publishedPackages = async (): Promise<ReadonlyArray<Package>> => {
  const names = (await readdir(join(root, "packages"))).toSorted()
  const packages = await Promise.all(names.map((name) => readPackage(`packages/${name}`)))
  return packages.filter(({ manifest }) => manifest.private !== true)
}

/** The public entries of a package, as programs import them. */
export const listEntries = ({ exports, name }: Manifest): ReadonlyArray<string> =>
  Object.keys(exports).filter((entry) => entry !== "./package.json").map((entry) => name + entry.slice(1))

/** A package as `npm publish` uploads it. */
export interface Packed extends Package {
  /** Absolute path of the archive. */
  readonly tarball: string
  /** The files in the archive, relative to the package. */
  readonly files: ReadonlyArray<{ readonly path: string; readonly size: number }>
}

/** Packs a built package into the directory `destination`. */
export const pack = async (published: Package, destination: string): Promise<Packed> => {
  const { stdout } = await exec("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", destination], {
    cwd: join(root, published.directory)
  })
  const [{ filename, files }] = JSON.parse(stdout) as [
    { readonly filename: string; readonly files: Packed["files"] }
  ]
  return { ...published, tarball: join(destination, filename), files }
}
