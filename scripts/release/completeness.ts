/** Checks that a package is complete, from its manifest and the list of its files. */
import { type Manifest, type Packed } from "../../test-support/packages.ts"
import { licensesFile } from "../licenses.ts"

const repository = "git+https://github.com/koredump/koredump.git"

/** Bundles have a few megabytes. A larger file is in `dist` by mistake. */
const maxFileBytes = 10 * 1024 * 1024

/** Commands are bundles, so they need the licenses of the bundled packages. */
const requiredLicenses = ({ bin }: Manifest) => bin === undefined ? [] : [`dist/${licensesFile}`]

/** All files in `exports` or `bin`. */
const listFiles = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.values(value).flatMap(listFiles)
    : []

/** Lists problems of a packed package. Empty if it can be published. */
export const findPackageProblems = ({ directory, files, manifest }: Packed): ReadonlyArray<string> => {
  const paths = new Set(files.map(({ path }) => path))
  const named = listFiles([manifest.exports, manifest.bin]).map((path) => path.replace(/^\.\//, ""))
  const found: ReadonlyArray<readonly [boolean, string]> = [
    [!manifest.description, "has no description"],
    [manifest.license !== "Apache-2.0", "does not have the license Apache-2.0"],
    [manifest.repository?.url !== repository, `does not have the repository ${repository}`],
    [manifest.repository?.directory !== directory, `does not have the repository directory ${directory}`],
    [manifest.engines?.["node"] === undefined, "does not declare a Node.js version (engines)"],
    ...["LICENSE", "README.md", ...named, ...requiredLicenses(manifest)].map((path) =>
      [!paths.has(path), `does not contain ${path}`] as const
    ),
    ...["preinstall", "install", "postinstall"].map((script) =>
      [manifest.scripts?.[script] !== undefined, `has a ${script} script`] as const
    ),
    ...files.map(({ path, size }) =>
      [size > maxFileBytes, `contains ${path} with ${size} bytes, which is too large`] as const
    ),
    ...files.map(({ path }) =>
      [
        !/^(?:LICENSE|README\.md|package\.json|(?:bin|dist|src)\/.*)$/.test(path),
        `contains ${path}, which is not part of the package`
      ] as const
    )
  ]
  return found.filter(([is]) => is).map(([, what]) => `${manifest.name} ${what}`)
}
