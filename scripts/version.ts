/**
 * Runs in `npm run version` after changesets. Sets the new version of the packages in the chart and in the lock file,
 * without access to a registry.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { publishedPackages, root } from "../test-support/packages.ts"
import { type Lock, setChartVersion, setLockVersions } from "./release/versions.ts"

const rewrite = async (file: string, change: (text: string) => string) => {
  const path = join(root, file)
  await writeFile(path, change(await readFile(path, "utf8")))
}

const packages = await publishedPackages()
const { version } = packages[0]!.manifest
await rewrite("charts/koredump/Chart.yaml", (text) => setChartVersion(text, version))
await rewrite(
  "package-lock.json",
  (text) => `${JSON.stringify(setLockVersions(JSON.parse(text) as Lock, packages), null, 2)}\n`
)
process.stdout.write(`Set version ${version} in the chart and the lock file\n`)
