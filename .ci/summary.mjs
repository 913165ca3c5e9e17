/** Adds up JSON reports of vitest and prints `N passed, N failed`. Fails if a test failed or a report is missing. */
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
    process.stdout.write(`${file} not found: its tests did not run\n`)
    continue
  }
  passed += report.numPassedTests
  // A test file that fails to load has no tests, but counts as one failure.
  const unloaded = report.testResults.filter(({ assertionResults, status }) =>
    status === "failed" && !assertionResults.some((test) => test.status === "failed")
  )
  failed += report.numFailedTests + unloaded.length
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed + missing === 0 ? 0 : 1
