/** Builds sentences. */

/** A number with its noun: `3 cores`, `1 core`. */
export const formatCount = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : nouns}`

/** A text with a capital letter and a period. */
export const toSentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".")

/** A sentence without its period. */
export const withoutPeriod = (text: string): string => text.replace(/\.+$/, "")
