import { defineConfig } from "vitest/config"

// Tests the built programs. `test.retry` stays 0: a server that dies once has died.
export default defineConfig({
  test: {
    include: ["test/*.test.ts"],
    globalSetup: ["support/globalSetup.ts"],
    // All files load the same two processors.
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000
  }
})
