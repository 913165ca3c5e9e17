import { defineConfig } from "vitest/config"

export default defineConfig({
  resolve: { conditions: ["@koredump/source"] },
  ssr: { resolve: { conditions: ["@koredump/source"], externalConditions: ["@koredump/source"] } }
})
