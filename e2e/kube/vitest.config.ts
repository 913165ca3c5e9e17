import { defineConfig } from "vitest/config"

// Tests the built packages, because the condition @koredump/source is not set.
export default defineConfig({
  test: {
    include: [
      "test/api/*.test.ts",
      // Only with the suite's own cluster: others give no access to their nodes.
      ...(process.env["KOREDUMP_KUBE_NODES"] === "1" ? ["test/{chart,nodes}/*.test.ts"] : [])
    ],
    globalSetup: ["test/support/globalSetup.ts"],
    // All files use the same cluster.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000
  }
})
