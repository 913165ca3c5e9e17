/** The start of the one file: all else is in its assets. */
import { asset, bundleAsset } from "./assets.ts"
import { load } from "./load.ts"

const code = asset("program.cache")
load(bundleAsset("program.js"), code.length === 0 ? undefined : code)
