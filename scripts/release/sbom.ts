/**
 * Software bills of materials (SBOMs) in CycloneDX. npm lists installed packages. The packages in our bundles are not
 * installed; they come from esbuild and the lock file.
 */
import { randomUUID } from "node:crypto"
import { type Lock } from "./versions.ts"

/** A component of an SBOM. */
export interface Component {
  readonly type: "library" | "application" | "container"
  readonly "bom-ref": string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: ReadonlyArray<{ readonly license: { readonly id: string } } | { readonly expression: string }>
  readonly [other: string]: unknown
}

/** An SBOM. */
export interface Sbom {
  readonly bomFormat: "CycloneDX"
  readonly specVersion: string
  readonly metadata: { readonly component: Component; readonly [other: string]: unknown }
  readonly components: ReadonlyArray<Component>
  readonly dependencies: ReadonlyArray<{ readonly ref: string; readonly dependsOn: ReadonlyArray<string> }>
  readonly [other: string]: unknown
}

/** The location of the package of a file in the lock file, such as `node_modules/a/node_modules/b` or `packages/core`. */
export const findLocation = (file: string): string => {
  const location = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? /^packages\/[^/]+/.exec(file)?.[0]
  if (location === undefined) throw new Error(`${file} does not belong to a package`)
  return location
}

const toLicenses = (license: string | undefined): Pick<Component, "licenses"> =>
  license === undefined
    ? {}
    : { licenses: [/[ (]/.test(license) ? { expression: license } : { license: { id: license } }] }

const toHashes = (integrity: string | undefined) =>
  integrity?.startsWith("sha512-") === true
    ? {
      hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex") }]
    }
    : {}

/** The component for the package at `location` in the lock file. `names` are the koredump packages by directory. */
export const readComponent = (lock: Lock, names: ReadonlyMap<string, string>, location: string): Component => {
  const { integrity, license, version } = lock.packages[location] ?? {}
  if (version === undefined) throw new Error(`${location} has no version in package-lock.json`)
  const name = names.get(location) ?? location.replace(/^.*node_modules\//, "")
  return {
    type: "library",
    "bom-ref": `${name}@${version}`,
    name,
    version,
    scope: "required",
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    ...toHashes(integrity),
    ...toLicenses(license)
  }
}

const byRef = (a: Component, b: Component) => a["bom-ref"] < b["bom-ref"] ? -1 : 1

/** The SBOM of `subject`: the packages that are installed with it, and those in its bundles. */
export const createSbom = (installed: Sbom, subject: Component, bundled: ReadonlyArray<Component>): Sbom => {
  const ref = subject["bom-ref"]
  const components = new Map(
    [...bundled, ...installed.components].map((component) => [component["bom-ref"], component])
  )
  components.delete(ref)
  const outer = installed.metadata.component["bom-ref"]
  const bundles = new Set(bundled.map((component) => component["bom-ref"]))
  bundles.delete(ref)
  const others = installed.dependencies.filter((dependency) => dependency.ref !== outer && dependency.ref !== ref)
  const installedDependencies = installed.dependencies.find((dependency) => dependency.ref === ref)?.dependsOn ?? []
  return {
    ...installed,
    serialNumber: `urn:uuid:${randomUUID()}`,
    metadata: { ...installed.metadata, component: subject },
    components: [...components.values()].toSorted(byRef),
    dependencies: [{ ref, dependsOn: [...new Set([...installedDependencies, ...bundles])].toSorted() }, ...others]
  }
}
