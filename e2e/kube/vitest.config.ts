import { defineConfig } from "vitest/config"

// Without the condition @koredump/source: what is tested is what is published.
export default defineConfig({
  test: {
    include: [
      "test/api/*.test.ts",
      // Where KUBECONFIG names somebody's cluster, there is no way to its nodes.
      ...(process.env["KOREDUMP_KUBE_NODES"] === "1" ? ["test/{chart,nodes}/*.test.ts"] : [])
    ],
    globalSetup: ["test/support/globalSetup.ts"],
    // One cluster.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000
  }
})
