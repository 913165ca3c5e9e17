import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: ["packages/*", "test"],
    reporters: ["default", "./test-support/SkippedReporter.ts", ["json", { outputFile: ".results.json" }]]
  }
})
