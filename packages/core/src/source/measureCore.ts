import type { UnversionedCore } from "../model/Core.ts"

// Sizes of V8 on 64-bit machines. The sums are rather too large than too small: they are there to limit memory.
/** Header and padding of a string. */
const stringBytes = 20
/** An object or array without its content. */
const objectBytes = 64
/** A place in an object, and the name with its quotes in JSON. */
const fieldBytes = 28
/** Reference, position, and places in the maps and arrays of an index and of the source that fills it. */
const coreBytes = 768

// V8 stores a text with two bytes for each character if a single one is not Latin-1, and may do so for any that is not
// ASCII. In JSON, such a character takes up to three bytes, and a control character six.
const notPlain = /[^\x20-\x7e]/
const plainCharBytes = 2
const otherCharBytes = 8

const measureText = (text: string): number =>
  stringBytes + text.length * (notPlain.test(text) ? otherCharBytes : plainCharBytes)

const measureValue = (value: unknown): number => {
  if (typeof value === "string") return measureText(value)
  if (typeof value !== "object" || value === null) return 0
  let bytes = objectBytes
  if (Array.isArray(value)) { for (const part of value) bytes += fieldBytes + measureValue(part) }
  else for (const [name, part] of Object.entries(value)) bytes += fieldBytes + measureText(name) + measureValue(part)
  return bytes
}

/**
 * Memory that an index needs for a core, in bytes: an estimate, from above, of the summary, of its JSON that lists keep, and
 * of everything that is kept once for each core. Equal texts of several cores count for each of them.
 */
export const measureCore = (core: UnversionedCore): number => {
  let bytes = coreBytes
  for (const value of Object.values(core)) bytes += fieldBytes + measureValue(value)
  return bytes
}
