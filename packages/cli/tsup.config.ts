import { readFileSync } from "node:fs"
import { defineConfig } from "tsup"
import { lazySegmenter } from "../../scripts/lazySegmenter.ts"
import { thirdPartyLicenses } from "../../scripts/licenses.ts"
import { withoutModule } from "../../scripts/withoutModule.ts"

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string }

export const cliVersionDefine = { KOREDUMP_CLI_VERSION: JSON.stringify(version) }

// Documentation pages of Effect's HTTP API, several megabytes, which a client never serves.
export const withoutDocsPages = withoutModule(/\/internal\/httpApi(Scalar|Swagger)\.(ts|js)$/)

// One bundle with all dependencies, which is fast to load. Code that only some commands need (YAML, cores of this host,
// decompressors, Kubernetes) is imported on demand and becomes separate chunks.
export default defineConfig({
  entry: ["src/main.ts", "src/kubectl-koredump.ts"],
  format: ["esm"],
  splitting: true,
  minify: true,
  // Keep the single file, which is slow to build.
  clean: ["!bin/**"],
  target: "node22",
  platform: "node",
  noExternal: [/.*/],
  external: [/^@napi-rs\//],
  esbuildPlugins: [withoutDocsPages, lazySegmenter, thirdPartyLicenses],
  define: cliVersionDefine,
  esbuildOptions: (options) => {
    options.conditions = ["@koredump/source"]
    options.legalComments = "eof"
  },
  banner: {
    // CommonJS packages in the bundle load built-in modules with require.
    js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`
  }
})
