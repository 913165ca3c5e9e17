/**
 * What of npm is in a bundle, and under which licence: most licences want their text in every copy. Which packages really
 * are in it the bundler tells. A text that a package does not bring itself is in `licenses/NAME.txt`; one that is neither
 * here nor there fails the build.
 */
import type { Metafile, Plugin } from "esbuild"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The file's name in the `dist` of a package with programs. */
export const licensesFile = "THIRD-PARTY-LICENSES.txt"

/** What packages have in them of others without saying so. */
const vendored = [{ file: /\/effect\/.*\/httpApiScalar\.[jt]s$/, name: "@scalar/api-reference", of: "MIT, in effect" }]

const licence = /^(?:(?:un)?licen[cs]e|copying)(?:[.-].*)?$/i
const notice = /^notice(?:\..*)?$/i
const byHand = (name: string) => fileURLToPath(new URL(`licenses/${name}.txt`, import.meta.url))

const section = (title: string, texts: ReadonlyArray<string>) =>
  [`${"=".repeat(80)}\n${title}\n${"=".repeat(80)}`, ...texts.map((text) => text.trim())].join("\n\n")

/** Name, version, licence and its text, of the package in `directory`. */
const sectionOf = (directory: string): string => {
  const { license, name, version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Readonly<
    Record<"license" | "name" | "version", string>
  >
  const own = (name: RegExp) =>
    readdirSync(directory).filter((file) => name.test(file)).toSorted().map((file) => join(directory, file))
  const found = own(licence)
  const texts = found.length > 0 ? found : [byHand(name)].filter((file) => existsSync(file))
  if (texts.length === 0) {
    throw new Error(
      `${name} ${version} (${license}) is bundled without the text of its licence: put it into ${byHand(name)}`
    )
  }
  return section(
    `${name} ${version} (${license})`,
    [...texts, ...own(notice)].map((file) => readFileSync(file, "utf8"))
  )
}

/** The licences of what is in bundles that were made in `directory`, and of `more` packages, by their directories. */
export const licensesOf = (
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
    "Third parties' code in this program, each under its own licence.",
    ...[...new Set([...packages.flat(), ...more])].toSorted().map(sectionOf),
    ...vendored.filter(({ file }) => files.some((name) => file.test(name)))
      .map(({ name, of }) => section(`${name} (${of})`, [readFileSync(byHand(name), "utf8")]))
  ].join("\n\n") + "\n"
}

/** Writes them beside the bundle. */
export const thirdPartyLicenses: Plugin = {
  name: "third-party-licenses",
  setup: ({ initialOptions, onEnd }) => {
    initialOptions.metafile = true
    onEnd(async ({ metafile }) => {
      if (metafile === undefined) return
      const directory = initialOptions.absWorkingDir ?? process.cwd()
      const outdir = resolve(directory, initialOptions.outdir ?? ".")
      await mkdir(outdir, { recursive: true })
      await writeFile(join(outdir, licensesFile), licensesOf([metafile], directory))
    })
  }
}
