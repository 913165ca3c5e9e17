/**
 * Escapes text from crashed programs for display. A process chooses its own name and arguments, so characters that move
 * the cursor, change colors, reverse the direction of text or are invisible are shown as escapes in all output.
 */
import { hiddenCharacters } from "@koredump/core"

const hidden = new RegExp(`[${hiddenCharacters}]`, "gu")

/** Most texts. They need no search for hidden characters, which is slower. */
const plain = /^[\x20-\x7e]*$/
const plainLines = /^[\x20-\x7e\n]*$/

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0")

const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

const escape = (char: string) => {
  const code = char.codePointAt(0)!
  if (code < 0x100) return named[char] ?? `\\x${hex(code, 2)}`
  return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`
}

/** One line of text without characters that affect a terminal. */
export const escapeHidden = (text: string): string => plain.test(text) ? text : text.replace(hidden, escape)

/** Whether {@link escapeHidden} changes the text, apart from line ends. */
export const hasHidden = (text: string): boolean =>
  !plainLines.test(text) && text.replaceAll("\n", "").search(hidden) !== -1

/** Escapes hidden characters in JSON or double-quoted YAML. They occur only in strings, line ends also between them. */
const escapeInQuotes = (text: string, escape: (char: string) => string): string =>
  plainLines.test(text) ? text : text.replace(hidden, (char) => char === "\n" ? char : escape(char))

/** Escapes hidden characters in the strings of JSON, which keeps the value. */
export const escapeInJson = (text: string): string =>
  escapeInQuotes(
    text,
    (char) => Array.from({ length: char.length }, (_, i) => `\\u${hex(char.charCodeAt(i), 4)}`).join("")
  )

/** Escapes hidden characters in double-quoted strings of YAML, which keeps the value. YAML has no pairs of surrogates. */
export const escapeInYaml = (text: string): string =>
  escapeInQuotes(text, (char) => {
    const code = char.codePointAt(0)!
    return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
  })

/**
 * One word for a command that users copy into a shell (sh, bash, zsh or fish). Undefined if there is none that means the
 * same everywhere: hidden characters cannot be copied, and shells differ in the meaning of some backslashes.
 */
export const quoteForShell = (text: string): string | undefined =>
  /^[\w@%+=:,./-]+$/.test(text)
    ? text
    : text.search(hidden) === -1 && !/\\(?!x[0-9a-f]{2})/.test(text)
    ? `'${text.replaceAll("'", `'\\''`)}'`
    : undefined
