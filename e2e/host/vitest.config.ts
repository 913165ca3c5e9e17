import { defineConfig } from "vitest/config"

// Without the condition @koredump/source: what is tested is what is published.
export default defineConfig({
  test: {
    include: ["test/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    // One machine, one pipeline.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000
  }
})
