/** One version for all that is released: packages, what they want of each other, lock file, chart and image. */
import { parse } from "yaml"
import { type Package } from "../../test-support/packages.ts"

const kinds = ["dependencies", "devDependencies", "peerDependencies"] as const

/** An entry of package-lock.json, as far as it matters here. */
export interface LockEntry {
  readonly version?: string
  readonly integrity?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** package-lock.json; packages of the workspace are in it by their directory. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
}

/** The texts and values that name a version. */
export interface Sources {
  readonly packages: ReadonlyArray<Package>
  readonly lock: Lock
  /** `Chart.yaml` and `values.yaml`. */
  readonly chart: string
  readonly values: string
  /** The tag to release, where there is one: `v0.1.0`. */
  readonly tag?: string | undefined
}

/** What a package, by its manifest or its entry in the lock file, wants of others of ours. */
const wanted = (from: LockEntry) =>
  kinds.flatMap((kind) => Object.entries(from[kind] ?? {})).filter(([name]) => name.startsWith("@koredump/"))

/** Where the version of the first package is not that of something else; empty if there is but one version. */
export const disagreements = ({ chart, lock, packages, tag, values }: Sources): ReadonlyArray<string> => {
  const version = packages[0]!.manifest.version
  const { appVersion, version: chartVersion } = parse(chart) as Readonly<Record<string, unknown>>
  const { image } = parse(values) as { readonly image: { readonly tag: unknown } }
  const found: ReadonlyArray<readonly [string, unknown]> = [
    ...packages.flatMap(({ directory, manifest }): ReadonlyArray<readonly [string, unknown]> => [
      [manifest.name, manifest.version],
      ...wanted(manifest).map(([name, range]) => [`${name} in ${directory}/package.json`, range] as const),
      [`${directory} in package-lock.json`, lock.packages[directory]?.version],
      ...wanted(lock.packages[directory] ?? {}).map(([name, range]) =>
        [`${name} of ${directory} in package-lock.json`, range] as const
      )
    ]),
    ["the chart's version", chartVersion],
    ["the chart's appVersion", appVersion],
    // Empty: the chart takes its appVersion.
    ["the chart's image.tag", image.tag === "" ? appVersion : image.tag],
    ...(tag === undefined ? [] : [["the tag", tag.replace(/^v/, "")] as const])
  ]
  return found.filter(([, other]) => other !== version).map(([what, other]) =>
    `${what} is ${JSON.stringify(other) ?? "missing"}, not ${JSON.stringify(version)}`
  )
}

/** `Chart.yaml` with another version. The text is kept, comments and all. */
export const chartOfVersion = (chart: string, version: string): string => {
  const changed = chart.replaceAll(/^(version|appVersion): .*$/gm, `$1: ${version}`)
  const { appVersion, version: chartVersion } = parse(changed) as Readonly<Record<string, unknown>>
  if (appVersion !== version || chartVersion !== version) throw new Error("Chart.yaml lacks version or appVersion")
  return changed
}

/** The lock file with the versions of the packages' manifests; no registry is asked. */
export const lockOfPackages = (lock: Lock, packages: ReadonlyArray<Package>): Lock => {
  const updated = packages.map(({ directory, manifest }) => {
    const entry = lock.packages[directory]
    if (entry === undefined) throw new Error(`package-lock.json lacks ${directory}: run npm install`)
    const ranges = kinds.filter((kind) => entry[kind] !== undefined).map((kind) => [
      kind,
      Object.fromEntries(Object.entries(entry[kind]!).map(([name, range]) => [name, manifest[kind]?.[name] ?? range]))
    ])
    return [directory, { ...entry, version: manifest.version, ...Object.fromEntries(ranges) }]
  })
  return { ...lock, packages: { ...lock.packages, ...Object.fromEntries(updated) } }
}
