import { defineConfig } from "vitest/config"

/** How every package's tests run: from the sources of all packages, nothing built. */
export default defineConfig({
  resolve: { conditions: ["@koredump/source"] },
  ssr: { resolve: { conditions: ["@koredump/source"], externalConditions: ["@koredump/source"] } },
  // A bound for a busy machine with few cores, not a wait: tests do not sleep.
  test: { testTimeout: 30_000 }
})
