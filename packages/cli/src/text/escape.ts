/**
 * Escapes text from crashed programs for display. A process chooses its own name and arguments, so characters that move
 * the cursor, change colors or reverse the direction of text are shown as escapes in all output.
 */

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

/** One line of text without characters that affect a terminal. */
export const escapeHidden = (text: string): string => text.replace(hidden, escape)

/** Whether {@link escapeHidden} changes the text, apart from line ends. */
export const hasHidden = (text: string): boolean => text.replaceAll("\n", "").search(hidden) !== -1

/** Escapes hidden characters in JSON (or double-quoted YAML) strings as `\uXXXX`, which keeps the value. */
export const escapeInQuotes = (text: string): string =>
  text.replace(hidden, (char) => char === "\n" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** One word for a shell's command line. A word with hidden characters is escaped, so it is not usable as it is. */
export const quoteForShell = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${escapeHidden(text).replaceAll("'", `'\\''`)}'`
