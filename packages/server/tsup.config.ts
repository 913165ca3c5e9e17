import { readFileSync } from "node:fs"
import { defineConfig } from "tsup"
import { thirdPartyLicenses } from "../../scripts/licenses.ts"
import { requireBuiltins } from "../../scripts/requireBuiltins.ts"
import { withoutModule } from "../../scripts/withoutModule.ts"

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }

const common = {
  format: "esm",
  target: "node22",
  platform: "node",
  define: { KOREDUMP_SERVER_VERSION: JSON.stringify(version) }
} as const

// Effect contains a second API documentation page (Swagger UI). The server does not serve it; it would add two megabytes.
const withoutSwagger = withoutModule(/\/internal\/httpApiSwagger\.(ts|js)$/)

// The library has its dependencies as imports. The program is one bundle with all its dependencies, which loads three
// times as fast. Only native packages are not part of it.
export default defineConfig([
  { ...common, entry: ["src/index.ts"], sourcemap: true, clean: true },
  {
    ...common,
    entry: ["src/main.ts"],
    splitting: true,
    minify: true,
    removeNodeProtocol: false,
    noExternal: [/.*/],
    external: [/^@napi-rs\//],
    esbuildPlugins: [requireBuiltins, withoutSwagger, thirdPartyLicenses],
    esbuildOptions: (options) => {
      options.conditions = ["@koredump/source"]
      options.legalComments = "eof"
    },
    banner: {
      // CommonJS packages in the bundle load modules of Node.js with require.
      js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`
    }
  }
])
