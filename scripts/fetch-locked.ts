/**
 * Run with: npx node scripts/fetch-locked.ts NAME DIRECTORY
 *
 * Downloads the npm package NAME in the version of package-lock.json, compares its hash, and extracts it to DIRECTORY. For
 * binaries of other platforms, which `npm ci` does not install.
 */
import { fetchLocked } from "./release/fetchLocked.ts"

const [name, directory, ...rest] = process.argv.slice(2)
if (name === undefined || directory === undefined || rest.length > 0) {
  process.stderr.write("usage: fetch-locked.ts NAME DIRECTORY\n")
  process.exit(2)
}
await fetchLocked(name, directory).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
