/** The entry point of the single file. It loads the program from the assets. */
import { asset, bundleAsset } from "./assets.ts"
import { load } from "./load.ts"

const code = asset("program.cache")
load(bundleAsset("program.js"), code.length === 0 ? undefined : code)
