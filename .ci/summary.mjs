/** Sums vitest's JSON reports and prints `N passed, N failed`; fails unless all of them are there and nothing failed. */
import { readFileSync } from "node:fs"

let passed = 0
let failed = 0
let missing = 0
for (const file of process.argv.slice(2)) {
  let report
  try {
    report = JSON.parse(readFileSync(file, "utf8"))
  } catch {
    missing += 1
    process.stdout.write(`no results in ${file}\n`)
    continue
  }
  passed += report.numPassedTests
  // A file that could not be loaded has no tests to count.
  const unloaded = report.testResults.filter(({ assertionResults, status }) =>
    status === "failed" && !assertionResults.some((test) => test.status === "failed")
  )
  failed += report.numFailedTests + unloaded.length
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed + missing === 0 ? 0 : 1
