/**
 * Collects the licenses of the npm packages in a bundle, because most licenses require their text in every copy. esbuild
 * reports which packages a bundle contains. If a package does not contain its license text, add it as
 * `licenses/NAME.txt`. A missing text fails the build.
 */
import type { Metafile, Plugin } from "esbuild"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** Name of the file in the `dist` directory of a package with commands. */
export const licensesFile = "THIRD-PARTY-LICENSES.txt"

/** Code that packages contain from other packages without declaring it. */
const vendored = [{
  file: /\/effect\/.*\/httpApiScalar\.[jt]s$/,
  name: "@scalar/api-reference",
  license: "MIT, in effect"
}]

const licenseName = /^(?:(?:un)?licen[cs]e|copying)(?:[.-].*)?$/i
const noticeName = /^notice(?:\..*)?$/i
const addedText = (name: string) => fileURLToPath(new URL(`licenses/${name}.txt`, import.meta.url))

const section = (title: string, texts: ReadonlyArray<string>) =>
  [`${"=".repeat(80)}\n${title}\n${"=".repeat(80)}`, ...texts.map((text) => text.trim())].join("\n\n")

/** Name, version, license and license text of the package in `directory`. */
const describePackage = (directory: string): string => {
  const { license, name, version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Readonly<
    Record<"license" | "name" | "version", string>
  >
  const findFiles = (pattern: RegExp) =>
    readdirSync(directory).filter((file) => pattern.test(file)).toSorted().map((file) => join(directory, file))
  const found = findFiles(licenseName)
  const texts = found.length > 0 ? found : [addedText(name)].filter((file) => existsSync(file))
  if (texts.length === 0) {
    throw new Error(
      `${name} ${version} (${license}) is bundled, but its license text is missing. Add it as ${addedText(name)}`
    )
  }
  return section(
    `${name} ${version} (${license})`,
    [...texts, ...findFiles(noticeName)].map((file) => readFileSync(file, "utf8"))
  )
}

/** The license texts of all packages in bundles that were built in `directory`, and of the packages in `more` directories. */
export const collectLicenses = (
  bundles: ReadonlyArray<Metafile>,
  directory: string,
  more: ReadonlyArray<string> = []
): string => {
  const outputs = bundles.flatMap((bundle) => Object.values(bundle.outputs))
  const files = outputs.flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) =>
      resolve(directory, file)
    )
  )
  const packages = files.map((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? [])
  return [
    "Licenses of third-party code in this program",
    ...[...new Set([...packages.flat(), ...more])].toSorted().map(describePackage),
    ...vendored.filter(({ file }) => files.some((name) => file.test(name)))
      .map(({ license, name }) => section(`${name} (${license})`, [readFileSync(addedText(name), "utf8")]))
  ].join("\n\n") + "\n"
}

/** Writes the license texts next to the bundle. */
export const thirdPartyLicenses: Plugin = {
  name: "third-party-licenses",
  setup: ({ initialOptions, onEnd }) => {
    initialOptions.metafile = true
    onEnd(async ({ metafile }) => {
      if (metafile === undefined) return
      const directory = initialOptions.absWorkingDir ?? process.cwd()
      const outdir = resolve(directory, initialOptions.outdir ?? ".")
      await mkdir(outdir, { recursive: true })
      await writeFile(join(outdir, licensesFile), collectLicenses([metafile], directory))
    })
  }
}
