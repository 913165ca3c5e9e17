/** Measures, cuts, pads and colors text for a terminal. */
import { CliOutput } from "effect/cli"

// oxlint-disable-next-line eslint/no-control-regex
const isAscii = (text: string) => /^[\x20-\x7e]*$/.test(text)

/** The number of terminal columns that a text takes. */
export const displayWidth = (text: string): number => isAscii(text) ? text.length : CliOutput.displayWidth(text)

// Made on demand: the first segmenter of a process takes 12 ms.
let segmenter: Intl.Segmenter | undefined
const graphemes = (text: string) => (segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" })).segment(text)

/** The text cut to `width` columns. A text that was cut ends in an ellipsis. */
export const truncate = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  let cut = ""
  let used = 0
  for (const { segment } of graphemes(text)) {
    const next = used + displayWidth(segment)
    if (next > width - 1) break
    cut += segment
    used = next
  }
  return `${cut}…`
}

const spaces = (text: string, width: number) => " ".repeat(Math.max(0, width - displayWidth(text)))

/** The text, padded with spaces to `width` columns. */
export const padEnd = (text: string, width: number): string => text + spaces(text, width)

/** The text, padded with spaces on the left. */
export const padStart = (text: string, width: number): string => spaces(text, width) + text

/** Text in a color (SGR code: 31 is red, 1 is bold) if `isColored`, otherwise the text as it is. */
export const paint = (text: string, color: number, isColored: boolean): string =>
  isColored ? `\u001b[${color}m${text}\u001b[0m` : text
