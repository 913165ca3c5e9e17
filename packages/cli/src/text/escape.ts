/**
 * Text from crashed programs, for people's eyes. A process chooses its own name and arguments: characters that would
 * move the cursor, change colors or turn the direction of writing are shown as escapes, everywhere.
 */
import { CliOutput } from "effect/cli"

// C0, DEL and C1 controls, line and paragraph separators, invisible and direction-changing characters, lone surrogates
const hidden =
  // oxlint-disable-next-line eslint/no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escape = (char: string) => {
  const code = char.charCodeAt(0)
  return named[char] ?? (code < 0x100
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`)
}

/** One line of text without anything that a terminal would act upon. */
export const visible = (text: string): string => text.replace(hidden, escape)

/** Whether {@link visible} would change the text, line ends aside. */
export const hasHidden = (text: string): boolean => text.replaceAll("\n", "").search(hidden) !== -1

/** JSON (or double-quoted YAML) with hidden characters in its strings as `\uXXXX`: the same value, harmless to see. */
export const escapeInQuotes = (text: string): string =>
  text.replace(hidden, (char) => char === "\n" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Columns that a text takes on a terminal. */
export const widthOf = (text: string): number => isAscii(text) ? text.length : CliOutput.displayWidth(text)

// oxlint-disable-next-line eslint/no-control-regex
const isAscii = (text: string) => /^[\x20-\x7e]*$/.test(text)

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** The text cut to `width` columns, with an ellipsis where something was cut off. */
export const truncate = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  let cut = ""
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = used + widthOf(segment)
    if (next > width - 1) break
    cut += segment
    used = next
  }
  return `${cut}…`
}

/** The text, padded with spaces to `width` columns. */
export const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - widthOf(text)))

/** The text, padded with spaces on the left. */
export const padLeft = (text: string, width: number): string => " ".repeat(Math.max(0, width - widthOf(text))) + text

/** `3 cores`, `1 core`. */
export const plural = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : nouns}`

/** A word for a shell's command line; what is hidden is shown as an escape, so such a line does not run as it stands. */
export const shellQuoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${visible(text).replaceAll("'", `'\\''`)}'`
