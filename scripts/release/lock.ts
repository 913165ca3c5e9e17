/** The hashes of npm packages in package-lock.json: what installations, the image and the single-file program may use. */
import { createHash } from "node:crypto"

/** The used fields of an entry in package-lock.json. */
export interface LockedPackage {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
}

/** The packages of package-lock.json by their location. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>

/** A hash that no file has: `.ci/complete-lock.mjs` writes it for binaries that its registry lacks. */
export const refused = `sha512-${Buffer.alloc(64).toString("base64")}`

const platforms = ["linux-x64", "linux-arm64"]

/** The locations of the binaries in the image and in the single-file program. */
export const shippedBinaries: ReadonlyArray<string> = platforms.flatMap((platform) => [
  `node_modules/node-${platform}`,
  `node_modules/@napi-rs/xattr-${platform}-gnu`
])

const sha512 = /^sha512-[A-Za-z0-9+/]{86}==$/

const findProblem = (location: string, { dev, integrity, optional, resolved, version }: LockedPackage) => {
  const name = location.replace(/^.*node_modules\//, "")
  const address = `https://registry.npmjs.org/${name}/-/${name.replace(/^.*\//, "")}-${version}.tgz`
  if (resolved !== address) return `${location}: resolved is ${resolved ?? "missing"}, expected ${address}`
  if (integrity === undefined || !sha512.test(integrity)) {
    return `${location}: integrity is ${integrity ?? "missing"}, expected a SHA-512`
  }
  // Without a tool for another platform, a developer there cannot run it. Nothing that ships may be missing.
  if (integrity === refused && !(dev === true && optional === true)) return `${location}: the registry had no hash`
  return undefined
}

/** Lists the packages that npm would install unverified, and the binaries that would be missing in the image. */
export const findLockProblems = (packages: LockedPackages): ReadonlyArray<string> => [
  ...Object.entries(packages)
    .filter(([location, { link }]) => location.includes("node_modules/") && link !== true)
    .flatMap(([location, entry]) => findProblem(location, entry) ?? []),
  ...shippedBinaries.filter((location) => packages[location] === undefined).map((location) => `${location} is missing`)
]

/** Checks the archive of a package against its hash in package-lock.json. Throws if they differ. */
export const verifyArchive = (archive: Uint8Array, name: string, integrity: string | undefined): void => {
  const found = `sha512-${createHash("sha512").update(archive).digest("base64")}`
  if (found === integrity) return
  throw new Error(
    `The registry's archive of ${name} is not the one in package-lock.json: its hash is ${found}, expected ${
      integrity ?? "one in package-lock.json"
    }. Do not use this registry until you know why.`
  )
}
