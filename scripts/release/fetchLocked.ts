/** Downloads of packages that package-lock.json pins. */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { type LockedPackages, verifyArchive } from "./lock.ts"

const exec = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))

/** The packages of this repository's package-lock.json. */
export const readLock = async (): Promise<LockedPackages> =>
  (JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as { readonly packages: LockedPackages })
    .packages

/**
 * Downloads a package in the version of package-lock.json and extracts it to `directory`. Nothing is extracted unless the
 * archive has the locked hash.
 */
export const fetchLocked = async (name: string, directory: string, packages?: LockedPackages): Promise<void> => {
  const { integrity, version } = (packages ?? await readLock())[`node_modules/${name}`] ?? {}
  if (version === undefined) throw new Error(`${name} is not in package-lock.json. Add it to package.json.`)
  const work = await mkdtemp(join(tmpdir(), "koredump-fetch-"))
  try {
    // In this directory, corepack uses the npm that package.json pins.
    const argv = ["pack", "--silent", "--pack-destination", work, `${name}@${version}`]
    const { stdout } = await exec("npm", argv, { cwd: root })
    const archive = join(work, stdout.trim().split("\n").at(-1)!)
    verifyArchive(await readFile(archive), `${name}@${version}`, integrity)
    await mkdir(directory, { recursive: true })
    await exec("tar", ["-xzf", archive, "-C", directory, "--strip-components=1"])
  } finally {
    await rm(work, { recursive: true })
  }
}
