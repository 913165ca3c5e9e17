/**
 * Bills of materials in CycloneDX. npm tells what an installation brings; what our programs have bundled in them no
 * installation shows: that is told by the bundler and the lock file.
 */
import { randomUUID } from "node:crypto"
import { type Lock } from "./versions.ts"

/** A component of a bill of materials, as far as it is touched here. */
export interface Component {
  readonly type: "library" | "application" | "container"
  readonly "bom-ref": string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: ReadonlyArray<{ readonly license: { readonly id: string } } | { readonly expression: string }>
  readonly [other: string]: unknown
}

/** A bill of materials. */
export interface Sbom {
  readonly bomFormat: "CycloneDX"
  readonly specVersion: string
  readonly metadata: { readonly component: Component; readonly [other: string]: unknown }
  readonly components: ReadonlyArray<Component>
  readonly dependencies: ReadonlyArray<{ readonly ref: string; readonly dependsOn: ReadonlyArray<string> }>
  readonly [other: string]: unknown
}

/** Where the package of a file is, as the lock file has it: `node_modules/a/node_modules/b`, `packages/core`. */
export const locationOf = (file: string): string => {
  const location = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? /^packages\/[^/]+/.exec(file)?.[0]
  if (location === undefined) throw new Error(`${file} belongs to no package`)
  return location
}

const licensesOf = (license: string | undefined): Pick<Component, "licenses"> =>
  license === undefined
    ? {}
    : { licenses: [/[ (]/.test(license) ? { expression: license } : { license: { id: license } }] }

const hashesOf = (integrity: string | undefined) =>
  integrity?.startsWith("sha512-") === true
    ? {
      hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex") }]
    }
    : {}

/** The package at `location` of the lock file; `names` are those of our own, by directory. */
export const componentAt = (lock: Lock, names: ReadonlyMap<string, string>, location: string): Component => {
  const { integrity, license, version } = lock.packages[location] ?? {}
  if (version === undefined) throw new Error(`package-lock.json has no version of ${location}`)
  const name = names.get(location) ?? location.replace(/^.*node_modules\//, "")
  return {
    type: "library",
    "bom-ref": `${name}@${version}`,
    name,
    version,
    scope: "required",
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    ...hashesOf(integrity),
    ...licensesOf(license)
  }
}

const byRef = (a: Component, b: Component) => a["bom-ref"] < b["bom-ref"] ? -1 : 1

/** The bill of `subject`: what is installed with it, and what is in its bundles. */
export const sbomOf = (installed: Sbom, subject: Component, bundled: ReadonlyArray<Component>): Sbom => {
  const ref = subject["bom-ref"]
  const components = new Map(
    [...bundled, ...installed.components].map((component) => [component["bom-ref"], component])
  )
  components.delete(ref)
  const outer = installed.metadata.component["bom-ref"]
  const bundles = new Set(bundled.map((component) => component["bom-ref"]))
  bundles.delete(ref)
  const known = installed.dependencies.filter((dependency) => dependency.ref !== outer && dependency.ref !== ref)
  const own = installed.dependencies.find((dependency) => dependency.ref === ref)?.dependsOn ?? []
  return {
    ...installed,
    serialNumber: `urn:uuid:${randomUUID()}`,
    metadata: { ...installed.metadata, component: subject },
    components: [...components.values()].toSorted(byRef),
    dependencies: [{ ref, dependsOn: [...new Set([...own, ...bundles])].toSorted() }, ...known]
  }
}
