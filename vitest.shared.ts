import { defineConfig } from "vitest/config"

/** Configuration for the tests of all packages. They run from the sources, without a build. */
export default defineConfig({
  resolve: { conditions: ["@koredump/source"] },
  ssr: { resolve: { conditions: ["@koredump/source"], externalConditions: ["@koredump/source"] } },
  // Long enough for a busy machine. Tests do not sleep.
  test: { testTimeout: 30_000 }
})
