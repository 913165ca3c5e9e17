/** Builds sentences. */

/** A number with its noun: `3 cores`, `1 core`. */
export const formatCount = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : nouns}`

/** A text with a capital letter and a period. Names such as `http://…` and `core.x` keep their first letter. */
export const toSentence = (text: string): string =>
  text.replace(/^[a-z](?=[a-z]*(?:\s|$))/, (letter) => letter.toUpperCase()).replace(/\.?$/, ".")

/** A sentence without its period. */
export const withoutPeriod = (text: string): string => text.replace(/\.+$/, "")
