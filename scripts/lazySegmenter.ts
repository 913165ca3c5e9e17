import type { Plugin } from "esbuild"
import { readFile } from "node:fs/promises"

const eager = /\bconst graphemeSegmenter = \/\*#__PURE__\*\/new (Intl\.Segmenter\([^;]*\));/

/**
 * An esbuild plugin: Effect's command line library creates its segmenter only when it measures text that is not ASCII. The
 * first segmenter of a process takes 12 ms, because ICU loads its data. Fails if a new version of Effect has other code.
 */
export const lazySegmenter: Plugin = {
  name: "lazy segmenter",
  setup: (build) => {
    build.onLoad({ filter: /[\\/]effect[\\/]dist[\\/]cli[\\/]CliOutput\.js$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8")
      if (!eager.test(text)) return { errors: [{ text: "lazySegmenter: graphemeSegmenter not found" }] }
      return {
        contents: text
          .replaceAll("graphemeSegmenter.segment(", "graphemeSegmenter().segment(")
          .replace(eager, "let segmenter; const graphemeSegmenter = () => segmenter ??= new $1;")
      }
    })
  }
}
