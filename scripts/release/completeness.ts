/** What a package must bring to be published: decided from its manifest and the list of its files. */
import { type Manifest, type Packed } from "../../test-support/packages.ts"
import { licensesFile } from "../licenses.ts"

const repository = "git+https://github.com/koredump/koredump.git"

/** Programs are bundles of a few megabytes. More is something that strayed into `dist`. */
const maxFileBytes = 10 * 1024 * 1024

/** Programs are bundles: what is in them goes out with them. */
const licenses = ({ bin }: Manifest) => bin === undefined ? [] : [`dist/${licensesFile}`]

/** All files that an `exports` or a `bin` names. */
const targets = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.values(value).flatMap(targets)
    : []

/** What a packed package lacks, or has and should not; empty if it may be published. */
export const shortcomings = ({ directory, files, manifest }: Packed): ReadonlyArray<string> => {
  const paths = new Set(files.map(({ path }) => path))
  const named = targets([manifest.exports, manifest.bin]).map((path) => path.replace(/^\.\//, ""))
  const found: ReadonlyArray<readonly [boolean, string]> = [
    [!manifest.description, "has no description"],
    [manifest.license !== "Apache-2.0", "has not the license Apache-2.0"],
    [manifest.repository?.url !== repository, `has not the repository ${repository}`],
    [manifest.repository?.directory !== directory, `has not the repository's directory ${directory}`],
    [manifest.engines?.["node"] === undefined, "does not say which Node it needs (engines)"],
    ...["LICENSE", "README.md", ...named, ...licenses(manifest)].map((path) =>
      [!paths.has(path), `lacks ${path}`] as const
    ),
    ...["preinstall", "install", "postinstall"].map((script) =>
      [manifest.scripts?.[script] !== undefined, `runs a script at ${script}`] as const
    ),
    ...files.map(({ path, size }) => [size > maxFileBytes, `has ${size} bytes of ${path}`] as const),
    ...files.map(({ path }) =>
      [
        !/^(?:LICENSE|README\.md|package\.json|(?:dist|src)\/.*)$/.test(path),
        `has ${path}, which is no part of it`
      ] as const
    )
  ]
  return found.filter(([is]) => is).map(([, what]) => `${manifest.name} ${what}`)
}
