import { readFileSync } from "node:fs"
import { defineConfig } from "tsup"
import { thirdPartyLicenses } from "../../scripts/licenses.ts"
import { withoutModule } from "../../scripts/withoutModule.ts"

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }

export const cliVersionDefine = { KOREDUMP_CLI_VERSION: JSON.stringify(version) }

// Effect's HTTP API can serve documentation pages of megabytes, which it imports on demand. A client never does.
export const withoutDocsPages = withoutModule(/\/internal\/httpApi(Scalar|Swagger)\.(ts|js)$/)

// One bundle with all that it needs: fast to load. What few runs need (YAML, this host's cores, decompressors, Kubernetes) is
// imported on demand and becomes chunks of its own.
export default defineConfig({
  entry: ["src/main.ts", "src/kubectl-koredump.ts"],
  format: ["esm"],
  splitting: true,
  minify: true,
  // The one file, which takes long to make, stays.
  clean: ["!bin/**"],
  target: "node22",
  platform: "node",
  noExternal: [/.*/],
  external: [/^@napi-rs\//],
  esbuildPlugins: [withoutDocsPages, thirdPartyLicenses],
  define: cliVersionDefine,
  esbuildOptions: (options) => {
    options.conditions = ["@koredump/source"]
    options.legalComments = "eof"
  },
  banner: {
    // CommonJS packages in the bundle ask for Node's modules with require.
    js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`
  }
})
