import { defineConfig } from "vitest/config"

export default defineConfig({
  // Times are shown as this machine's: the tests' machine stands at UTC.
  test: { env: { TZ: "UTC" } },
  resolve: { conditions: ["@koredump/source"] },
  ssr: { resolve: { conditions: ["@koredump/source"], externalConditions: ["@koredump/source"] } }
})
