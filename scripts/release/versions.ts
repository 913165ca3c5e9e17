/** Checks and sets the version that packages, their dependencies on each other, lock file, chart and image share. */
import { parse } from "yaml"
import { type Package } from "../../test-support/packages.ts"

const kinds = ["dependencies", "devDependencies", "peerDependencies"] as const

/** The used fields of an entry in package-lock.json. */
interface LockEntry {
  readonly version?: string
  readonly integrity?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** package-lock.json. The keys of workspaces are their directories. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
}

/** All places that contain the version. */
export interface Sources {
  readonly packages: ReadonlyArray<Package>
  readonly lock: Lock
  /** `Chart.yaml` and `values.yaml`. */
  readonly chart: string
  readonly values: string
  /** The tag to release, such as `v0.1.0`. */
  readonly tag?: string | undefined
}

/** Dependencies on other koredump packages, from a manifest or an entry in the lock file. */
const internalDependencies = (from: LockEntry) =>
  kinds.flatMap((kind) => Object.entries(from[kind] ?? {})).filter(([name]) => name.startsWith("@koredump/"))

/** Lists everything with a different version than the first package. Empty if all versions are equal. */
export const findVersionMismatches = ({ chart, lock, packages, tag, values }: Sources): ReadonlyArray<string> => {
  const version = packages[0]!.manifest.version
  const { appVersion, version: chartVersion } = parse(chart) as Readonly<Record<string, unknown>>
  const { image } = parse(values) as { readonly image: { readonly tag: unknown } }
  const found: ReadonlyArray<readonly [string, unknown]> = [
    ...packages.flatMap(({ directory, manifest }): ReadonlyArray<readonly [string, unknown]> => [
      [manifest.name, manifest.version],
      ...internalDependencies(manifest).map(([name, range]) =>
        [`${name} in ${directory}/package.json`, range] as const
      ),
      [`${directory} in package-lock.json`, lock.packages[directory]?.version],
      ...internalDependencies(lock.packages[directory] ?? {}).map(([name, range]) =>
        [`${name} of ${directory} in package-lock.json`, range] as const
      )
    ]),
    ["the chart's version", chartVersion],
    ["the chart's appVersion", appVersion],
    // If image.tag is empty, the chart uses appVersion.
    ["the chart's image.tag", image.tag === "" ? appVersion : image.tag],
    ...(tag === undefined ? [] : [["the tag", tag.replace(/^v/, "")] as const])
  ]
  return found.filter(([, other]) => other !== version).map(([what, other]) =>
    `${what} is ${JSON.stringify(other) ?? "missing"}, expected ${JSON.stringify(version)}`
  )
}

/** Sets the version in the text of `Chart.yaml`. Comments and format stay. */
export const setChartVersion = (chart: string, version: string): string => {
  const changed = chart.replaceAll(/^(version|appVersion): .*$/gm, `$1: ${version}`)
  const { appVersion, version: chartVersion } = parse(changed) as Readonly<Record<string, unknown>>
  if (appVersion !== version || chartVersion !== version) {
    throw new Error("version or appVersion is missing in Chart.yaml")
  }
  return changed
}

/** Sets the versions of the packages' manifests in the lock file, without access to a registry. */
export const setLockVersions = (lock: Lock, packages: ReadonlyArray<Package>): Lock => {
  const updated = packages.map(({ directory, manifest }) => {
    const entry = lock.packages[directory]
    if (entry === undefined) throw new Error(`${directory} is missing in package-lock.json. Run: npm install`)
    const ranges = kinds.filter((kind) => entry[kind] !== undefined).map((kind) => [
      kind,
      Object.fromEntries(Object.entries(entry[kind]!).map(([name, range]) => [name, manifest[kind]?.[name] ?? range]))
    ])
    return [directory, { ...entry, version: manifest.version, ...Object.fromEntries(ranges) }]
  })
  return { ...lock, packages: { ...lock.packages, ...Object.fromEntries(updated) } }
}
