/**
 * Run by `npm run version`, after changesets: gives the packages' new version to the chart and to the lock file. No
 * registry is asked.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { publishedPackages, root } from "../test-support/packages.ts"
import { chartOfVersion, type Lock, lockOfPackages } from "./release/versions.ts"

const rewrite = async (file: string, change: (text: string) => string) => {
  const path = join(root, file)
  await writeFile(path, change(await readFile(path, "utf8")))
}

const packages = await publishedPackages()
const { version } = packages[0]!.manifest
await rewrite("charts/koredump/Chart.yaml", (text) => chartOfVersion(text, version))
await rewrite(
  "package-lock.json",
  (text) => `${JSON.stringify(lockOfPackages(JSON.parse(text) as Lock, packages), null, 2)}\n`
)
process.stdout.write(`chart and lock file: ${version}\n`)
