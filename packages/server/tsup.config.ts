import { readFileSync } from "node:fs"
import { defineConfig } from "tsup"
import { thirdPartyLicenses } from "../../scripts/licenses.ts"
import { withoutModule } from "../../scripts/withoutModule.ts"

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }

const common = {
  format: "esm",
  target: "node22",
  platform: "node",
  define: { KOREDUMP_SERVER_VERSION: JSON.stringify(version) }
} as const

// Effect can serve another page of documentation beside the one that is served here: two megabytes that nobody asks for.
const withoutSwagger = withoutModule(/\/internal\/httpApiSwagger\.(ts|js)$/)

// The library leaves its dependencies to whoever installs it; the program is one bundle with all that it needs, which
// loads three times as fast. Only what is native stays outside.
export default defineConfig([
  { ...common, entry: ["src/index.ts"], sourcemap: true, clean: true },
  {
    ...common,
    entry: ["src/main.ts"],
    splitting: true,
    minify: true,
    noExternal: [/.*/],
    external: [/^@napi-rs\//],
    esbuildPlugins: [withoutSwagger, thirdPartyLicenses],
    esbuildOptions: (options) => {
      options.conditions = ["@koredump/source"]
      options.legalComments = "eof"
    },
    banner: {
      // CommonJS packages in the bundle ask for Node's modules with require.
      js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`
    }
  }
])
