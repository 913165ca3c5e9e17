/**
 * Determines which packages and modules a bundle of a public entry contains. Each package's `test/boundaries.test.ts`
 * checks this, so that no package depends on one that it must not use.
 */
import { build } from "esbuild"
import { builtinModules } from "node:module"
import { listEntries, readPackage, root } from "./packages.ts"

const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

/** The contents of a bundle. */
interface Bundle {
  /** Names of the packages in the bundle, sorted. */
  readonly packages: ReadonlyArray<string>
  /** Modules of Node.js that the bundle imports, sorted, without `node:`. */
  readonly builtins: ReadonlyArray<string>
}

const unique = (names: ReadonlyArray<string>) => [...new Set(names)].toSorted()

/** The name of the package that contains `file`, a path in the repository. */
const findPackageName = async (file: string): Promise<string> => {
  const installed = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]
  if (installed !== undefined) return installed
  const directory = /^packages\/[^/]+/.exec(file)?.[0]
  if (directory === undefined) throw new Error(`${file} does not belong to a package`)
  return (await readPackage(directory)).manifest.name
}

/** The public entries of `packages/<directory>`, as programs import them. */
export const publicEntries = async (directory: string): Promise<ReadonlyArray<string>> =>
  listEntries((await readPackage(`packages/${directory}`)).manifest)

const bundled = (entry: string, platform: "browser" | "node", splitting: boolean) =>
  build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    conditions: ["@koredump/source"],
    entryNames: "entry",
    // Count native addons as packages, without their content.
    loader: { ".node": "empty" },
    external: [...builtins],
    format: "esm",
    logLevel: "silent",
    metafile: true,
    outdir: "unwritten",
    platform,
    splitting,
    write: false
  })

/** Bundles `entry` (such as `@koredump/core/testing`, or a file) from the sources, for a browser or for Node.js. */
export const bundle = async (entry: string, platform: "browser" | "node"): Promise<Bundle> => {
  const { metafile } = await bundled(entry, platform, false)
  const outputs = Object.values(metafile.outputs)
  const files = outputs.flatMap(({ inputs }) => Object.keys(inputs))
  const imports = outputs.flatMap(({ imports }) => imports).filter(({ external }) => external === true)
  return {
    packages: unique(await Promise.all(files.map(findPackageName))),
    builtins: unique(imports.map(({ path }) => path.replace(/^node:/, "")))
  }
}

/** The files in a bundle of `entry` for Node.js, as paths relative to the repository. */
export const bundledFiles = async (entry: string): Promise<ReadonlyArray<string>> => {
  const { metafile } = await bundled(entry, "node", false)
  return Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
}

/** The packages that a program loads at start on Node.js. Leaves out packages that are imported on demand. */
export const loadedAtStart = async (entry: string): Promise<ReadonlyArray<string>> => {
  const { metafile: { outputs } } = await bundled(entry, "node", true)
  const loaded = new Set([outputs["unwritten/entry.js"]!])
  for (const output of loaded) {
    for (const { external, kind, path } of output.imports) {
      if (external !== true && kind !== "dynamic-import") loaded.add(outputs[path]!)
    }
  }
  const files = [...loaded].flatMap(({ inputs }) => Object.keys(inputs))
  return unique(await Promise.all(files.map(findPackageName)))
}
