/** The packages that are published: their manifests, their public entries, and what npm sends of them. */
import { execFile } from "node:child_process"
import { readdir, readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const exec = promisify(execFile)

/** The repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What is asked here of a package.json. */
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

/** A package and where it is, from the repository's root: `packages/core`. */
export interface Package {
  readonly directory: string
  readonly manifest: Manifest
}

/** The package in `directory`, a path from the repository's root. */
export const readPackage = async (directory: string): Promise<Package> => ({
  directory,
  manifest: JSON.parse(await readFile(join(root, directory, "package.json"), "utf8")) as Manifest
})

/** All packages that are published. */
export const publishedPackages = async (): Promise<ReadonlyArray<Package>> => {
  const names = (await readdir(join(root, "packages"))).toSorted()
  const packages = await Promise.all(names.map((name) => readPackage(`packages/${name}`)))
  return packages.filter(({ manifest }) => manifest.private !== true)
}

/** The entries of a package, as programs import them. */
export const entriesOf = ({ exports, name }: Manifest): ReadonlyArray<string> =>
  Object.keys(exports).filter((entry) => entry !== "./package.json").map((entry) => name + entry.slice(1))

/** What `npm publish` sends of one package. */
export interface Packed extends Package {
  /** The archive, an absolute path. */
  readonly tarball: string
  /** The files in it, from the package's root. */
  readonly files: ReadonlyArray<{ readonly path: string; readonly size: number }>
}

/** Packs what is built of a package into `destination`. */
export const pack = async (published: Package, destination: string): Promise<Packed> => {
  const { stdout } = await exec("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", destination], {
    cwd: join(root, published.directory)
  })
  const [{ filename, files }] = JSON.parse(stdout) as [
    { readonly filename: string; readonly files: Packed["files"] }
  ]
  return { ...published, tarball: join(destination, filename), files }
}
