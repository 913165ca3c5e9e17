import { defineConfig } from "vitest/config"

// A second run on the same machine writes its results elsewhere: see .ci/run.
const outputFile = process.env["TEST_RESULTS"] ?? ".results.json"

export default defineConfig({
  test: {
    projects: ["packages/*", "test"],
    reporters: ["default", "./test-support/SkippedReporter.ts", ["json", { outputFile }]]
  }
})
