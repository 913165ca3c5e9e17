/**
 * What a program that uses one of our packages takes in with it. Each package's `test/boundaries.test.ts` states it
 * for each of its public entries, so that no layer ever reaches down into one that it must not know.
 */
import { build } from "esbuild"
import { builtinModules } from "node:module"
import { entriesOf, readPackage, root } from "./packages.ts"

const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)])

/** What a bundle of one public entry holds. */
export interface Bundle {
  /** The packages whose code is in it, by name, sorted. */
  readonly packages: ReadonlyArray<string>
  /** The modules of Node that it imports, sorted, without `node:`. */
  readonly builtins: ReadonlyArray<string>
}

const unique = (names: ReadonlyArray<string>) => [...new Set(names)].toSorted()

/** The name of the package that holds `file` (a path below the repository). */
const packageOf = async (file: string): Promise<string> => {
  const installed = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]
  if (installed !== undefined) return installed
  const directory = /^packages\/[^/]+/.exec(file)?.[0]
  if (directory === undefined) throw new Error(`${file} belongs to no package`)
  return (await readPackage(directory)).manifest.name
}

/** The entries that `packages/<directory>` publishes, as programs import them. */
export const publicEntries = async (directory: string): Promise<ReadonlyArray<string>> =>
  entriesOf((await readPackage(`packages/${directory}`)).manifest)

const bundled = (entry: string, platform: "browser" | "node", splitting: boolean) =>
  build({
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    conditions: ["@koredump/source"],
    entryNames: "entry",
    // Native addons are packages like any other here.
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

/** Bundles `entry` (`@koredump/core/testing`, or a file) from the sources, for a browser or for Node. */
export const bundle = async (entry: string, platform: "browser" | "node"): Promise<Bundle> => {
  const { metafile } = await bundled(entry, platform, false)
  const outputs = Object.values(metafile.outputs)
  const files = outputs.flatMap(({ inputs }) => Object.keys(inputs))
  const imports = outputs.flatMap(({ imports }) => imports).filter(({ external }) => external === true)
  return {
    packages: unique(await Promise.all(files.map(packageOf))),
    builtins: unique(imports.map(({ path }) => path.replace(/^node:/, "")))
  }
}

/** The files whose code a program has in it, on Node; paths from the repository's root. */
export const bundledFiles = async (entry: string): Promise<ReadonlyArray<string>> => {
  const { metafile } = await bundled(entry, "node", false)
  return Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
}

/** The packages that a program loads at its start, on Node; what it imports on demand is not among them. */
export const loadedAtStart = async (entry: string): Promise<ReadonlyArray<string>> => {
  const { metafile: { outputs } } = await bundled(entry, "node", true)
  const loaded = new Set([outputs["unwritten/entry.js"]!])
  for (const output of loaded) {
    for (const { external, kind, path } of output.imports) {
      if (external !== true && kind !== "dynamic-import") loaded.add(outputs[path]!)
    }
  }
  const files = [...loaded].flatMap(({ inputs }) => Object.keys(inputs))
  return unique(await Promise.all(files.map(packageOf)))
}
