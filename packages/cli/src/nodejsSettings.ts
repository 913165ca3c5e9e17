/** Settings of Node.js and V8. The entry files load this first, so it must not use syntax that old versions lack. */
import { existsSync, lstatSync, mkdirSync, realpathSync } from "node:fs"
import module from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"

/**
 * Limits V8's young generation to 1 MiB, so that it is collected often, together with the buffers of streams. Otherwise
 * V8 keeps 64 MiB of them and more. Measured: `get -d` of 2 GiB took twice the memory and twice the CPU time. Must be
 * called before anything else is loaded, because the young generation never shrinks below its first size.
 */
export const limitYoungGeneration = (): void => {
  setFlagsFromString("--semi-space-growth-factor=1")
  setFlagsFromString("--min-semi-space-size=1")
  setFlagsFromString("--max-semi-space-size=1")
}

/** Whether a directory belongs to this user, and nobody else can write to it. */
const isOwnDirectory = (path: string): boolean => {
  const stat = lstatSync(path)
  return stat.isDirectory() && stat.uid === process.getuid!() && (stat.mode & 0o022) === 0
}

/**
 * Keeps the compiled code of this program in `koredumpctl` below the user's cache directory, so that the next start does
 * not compile it again. V8 runs what it finds there, so everything from the home directory on must be the user's own: with
 * `sudo`, the home directory can be somebody else's, and Node.js's default is below /tmp. Without such a directory,
 * nothing is kept.
 */
export const enableCodeCache = (): void => {
  try {
    const home = realpathSync(homedir())
    const caches = join(home, ".cache")
    const directory = join(caches, "koredumpctl")
    if (!isOwnDirectory(home)) return
    // Not `recursive`: that never ends below /proc, where directories cannot be created.
    for (const path of [caches, directory]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
    // A namespace import would not load on a Node.js without this function, which gets an error message instead.
    if (isOwnDirectory(caches) && isOwnDirectory(directory)) module.enableCompileCache(directory)
  } catch {
    // A read-only or full file system, or no home directory.
  }
}
