/** The parts of the one file that are made for one platform. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { promisify } from "node:util"

const exec = promisify(execFile)

/** Where it can be built for; npm has no Node 24 for others, and macOS wants a signature. */
export const platforms = ["linux-x64", "linux-arm64"] as const
export type Platform = typeof platforms[number]

export const isPlatform = (text: string): text is Platform => (platforms as ReadonlyArray<string>).includes(text)
export const thisPlatform = `${process.platform}-${process.arch}`

/** One file of a package of npm's registry, unpacked into `directory`. */
const fetched = async (directory: string, name: string, version: string, file: string) => {
  const { stdout } = await exec("npm", ["pack", "--silent", "--pack-destination", directory, `${name}@${version}`])
  await exec("tar", ["-xzf", join(directory, stdout.trim()), "-C", directory, `package/${file}`])
  return join(directory, "package", file)
}

/** The Node that becomes the program: this one, or that of the same version for another platform. */
export const nodeFor = (platform: Platform, directory: string): Promise<string> =>
  platform === thisPlatform
    ? Promise.resolve(process.execPath)
    : fetched(directory, `node-${platform}`, process.version.slice(1), "bin/node")

/** The addon for extended attributes. */
export const addonFor = async (platform: Platform, directory: string): Promise<string> => {
  const require = createRequire(import.meta.url)
  const name = `@napi-rs/xattr-${platform}-gnu`
  if (platform === thisPlatform) return require.resolve(name)
  const { version } = JSON.parse(await readFile(require.resolve("@napi-rs/xattr/package.json"), "utf8")) as {
    readonly version: string
  }
  return fetched(directory, name, version, `xattr.${platform}-gnu.node`)
}

/** The packages of Node and the addon, by their directories here: for all platforms they are under the same licences. */
export const packagesBeside = (): ReadonlyArray<string> => {
  const require = createRequire(import.meta.url)
  const ofNode = createRequire(require.resolve("node/package.json"))
  const addon = require.resolve("@napi-rs/xattr/package.json")
  return [dirname(addon), dirname(ofNode.resolve(`node-${thisPlatform}/package.json`))]
}
