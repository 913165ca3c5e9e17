/** An esbuild plugin that omits modules that are imported on demand but never used. */
import type { Plugin } from "esbuild"

/** Replaces files whose path matches with empty modules. */
export const withoutModule = (path: RegExp): Plugin => ({
  name: `without ${path.source}`,
  setup: (build) => {
    build.onLoad({ filter: path }, () => ({ contents: "export {}" }))
  }
})
