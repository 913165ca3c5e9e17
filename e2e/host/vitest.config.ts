import { defineConfig } from "vitest/config"

// Tests the built packages, because the condition @koredump/source is not set.
export default defineConfig({
  test: {
    include: ["test/*.test.ts"],
    globalSetup: ["test/support/globalSetup.ts"],
    // All files use the same pipeline.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000
  }
})
