/** Prevents the return of phrases that readers stumble over. CONTRIBUTING.md and docs/glossary.md describe the style. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../test-support/packages.ts"

/** Each phrase, with what to write instead. */
const phrases: ReadonlyArray<readonly [pattern: RegExp, instead: string]> = [
  [/\bunless said\b/i, "Default: …"],
  [/\bmust be said\b/i, "is required"],
  [/\bas said\b/i, "as described"],
  [/See the module's text/i, "a docstring of its own"],
  [/\bto be had\b/i, "available"],
  [/\bcan be had\b/i, "is available"],
  [/\b(?:is|are|be|not|none is) believed\b/i, "trusted, rejected"],
  [/\bwhom to believe\b/i, "the CA certificate"],
  [/\bcores? fits?\b/i, "cores match"],
  [/\bis no (?:duration|number|URL|core|file|token|certificate|address|directory|regular)\b/i, "is not a …, invalid …"],
  [/\bwants a (?:valid )?token\b/i, "authentication required"],
  [/\bnothing under this\b/i, "not found"],
  [/\bsays? of (?:it|him|them)sel(?:f|ves)\b/i, "reports"],
  [/\btells? of\b/i, "reports"],
  [/\bis told\b/i, "receives, is reported"],
  [/\bat one with\b/i, "up to date with"],
  [/\bfor ever\b/i, "without end, until …"],
  [/\bas ever\b/i, "as always, or nothing"],
  [/\bby a defect of\b/i, "internal error"],
  [/\bof its own accord\b/i, "by itself"],
  [/\bwho may what\b/i, "authorization"],
  [/\bwho may (?:see|do) what\b/i, "authorization, permissions"],
  [/\bwhat (?:they|he|callers|those) may\b/i, "permissions"],
  [/\bwhoever\b/i, "the caller, a program that …"],
  [/\bthose who\b/i, "callers that, users who …"],
  [/\bone who\b/i, "a caller that …"],
  [/\bhe (?:may|sees|has|asks|is|had|can)\b/i, "they, the caller"],
  [/\bnot any more\b/i, "no longer"],
  [/\bkeeps? house\b/i, "maintenance"],
  [/\bWhat does not leave\b/i, "a noun phrase as a heading"],
  [/\bLet somebody see\b/i, "Grant access"],
  [/\bsince \d+ (?:seconds|minutes|hours)\b/i, "for 30 seconds"],
  [/\bby turns\b/i, "alternately"],
  [/\bnone is\b/i, "not …"],
  [/\bwhat is lacking\b/i, "what is missing"],
  [/\blacking\b/i, "degradedReason, warnings, missing"],
  [/\bfound out\b/i, "determined, detected"]
]

/** Files in which a phrase is right, with the reason. */
const exceptions: ReadonlyArray<readonly [file: string, pattern: RegExp, reason: string]> = [
  ["test/language.test.ts", /./, "it lists the phrases"]
]

const isText = (file: string): boolean =>
  !/(?:^|\/)(?:LICENSE|package-lock\.json|THIRD-PARTY.*)$|\/licenses\/|\/fixtures\/|\.(?:gz|zst|lz4|xz|bin|png|core)$/
    .test(file)

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8"
})
  .split("\n").filter((file) => file !== "" && isText(file))

const isException = (file: string, phrase: RegExp): boolean =>
  exceptions.some(([path, pattern]) => path === file && pattern.test(phrase.source))

/** Places in the text that contain a phrase, as `file:line: phrase (write: …)`. */
const findPhrases = (file: string, text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line, i) =>
    phrases.filter(([pattern]) => pattern.test(line) && !isException(file, pattern))
      .map(([pattern, instead]) => `${file}:${i + 1}: ${pattern.exec(line)![0]} (write: ${instead})`)
  )

describe("plain English", () => {
  it("finds a phrase, with its line and what to write instead", () => {
    assert.deepStrictEqual(findPhrases("a.md", "Good.\n30 seconds unless said."), [
      "a.md:2: unless said (write: Default: …)"
    ])
  })

  it("reads the sources and the documentation", () => {
    assert.includeMembers([...files], [
      "README.md",
      "docs/glossary.md",
      "packages/core/src/index.ts",
      "charts/koredump/values.yaml"
    ])
  })

  it("has none of the phrases in any source or document", () => {
    assert.deepStrictEqual(files.flatMap((file) => findPhrases(file, readFileSync(join(root, file), "utf8"))), [])
  })

  it("has no exception that nothing needs", () => {
    const needless = exceptions.filter(([path]) => !files.includes(path))
    assert.deepStrictEqual(needless, [])
  })
})
