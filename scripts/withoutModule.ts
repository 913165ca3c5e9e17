/** Leaves a module out of a bundle that imports it on demand, where nobody ever demands it. */
import type { Plugin } from "esbuild"

/** Files whose path fits are empty modules. */
export const withoutModule = (path: RegExp): Plugin => ({
  name: `without ${path.source}`,
  setup: (build) => {
    build.onLoad({ filter: path }, () => ({ contents: "export {}" }))
  }
})
