/** The platform-specific parts of the single file. Everything that is downloaded has its hash in package-lock.json. */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fetchLocked, readLock } from "../../../scripts/release/fetchLocked.ts"

const require = createRequire(import.meta.url)

/** Supported platforms. npm has no Node.js 24 for others, and macOS requires a signature. */
export const platforms = ["linux-x64", "linux-arm64"] as const

/** A supported platform. */
export type Platform = typeof platforms[number]

/** Whether a platform is supported. */
export const isPlatform = (text: string): text is Platform => (platforms as ReadonlyArray<string>).includes(text)

/** The platform of this process. */
export const thisPlatform = `${process.platform}-${process.arch}`

/** The path of one file of a package: installed by npm, which verified it, or downloaded to `directory`. */
const provide = async (platform: Platform, directory: string, name: string, file: string): Promise<string> => {
  if (platform === thisPlatform) return require.resolve(`${name}/${file}`)
  const target = join(directory, name)
  await fetchLocked(name, target)
  return join(target, file)
}

/** The path of a Node.js executable of the same version as this one, for a platform. */
export const fetchNodejs = async (platform: Platform, directory: string): Promise<string> => {
  const name = `node-${platform}`
  const version = (await readLock())[`node_modules/${name}`]?.version
  if (`v${version}` !== process.version) {
    throw new Error(
      `This script runs with Node.js ${process.version}. Run it with the ${version} of package-lock.json.`
    )
  }
  return provide(platform, directory, name, "bin/node")
}

/** The path of the native addon for extended attributes, for a platform. */
export const fetchAddon = (platform: Platform, directory: string): Promise<string> =>
  provide(platform, directory, `@napi-rs/xattr-${platform}-gnu`, `xattr.${platform}-gnu.node`)

/** The directories of the packages of Node.js and the addon. Their licenses are the same for all platforms. */
export const findBundledPackages = (): ReadonlyArray<string> =>
  ["@napi-rs/xattr", `node-${thisPlatform}`].map((name) => dirname(require.resolve(`${name}/package.json`)))
