import type { Plugin } from "esbuild"

/**
 * Loads the built-in modules of Node.js with `require`. An `import` evaluates every export of such a module: that of
 * `node:http` loads the whole of undici for `http.WebSocket`, which costs 12 MiB and several milliseconds.
 */
export const requireBuiltins: Plugin = {
  name: "require-builtins",
  setup(build) {
    build.onResolve({ filter: /^(?:node:)?https?$/ }, ({ kind, path }) =>
      kind === "import-statement"
        ? { path: path.replace(/^(?:node:)?/, "node:"), namespace: "require-builtin", sideEffects: false }
        : undefined)
    build.onLoad({ filter: /.*/, namespace: "require-builtin" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
      loader: "js"
    }))
  }
}
