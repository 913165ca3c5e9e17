import { type CoreMetadata, type CoreSummary, maxMetadataBytes } from "@koredump/core"
import type { HeavyFields } from "./decodeEntry.ts"

/** Bytes of one character in JSON, at most: a control character is `\\u0001`. */
const maxCharBytes = 6

/** Quotes, colon and comma of a field. */
const separatorBytes = 4

const isText = (value: unknown) => typeof value === "string"

/** Bytes of JSON. Quick for texts that are small, whatever they contain. */
const countBytes = (value: unknown, quickLimit: number): number =>
  isText(value) && value.length * maxCharBytes <= quickLimit
    ? value.length * maxCharBytes
    : Buffer.byteLength(JSON.stringify(value))

/**
 * The metadata of a core: its summary and its heavy fields. Leaves out the largest ones if there is more than `maxBytes` of
 * JSON, and says which.
 */
export const fitMetadata = (
  core: CoreSummary,
  { fields, omitted }: HeavyFields,
  maxBytes = maxMetadataBytes
): CoreMetadata => {
  const sizes = Object.entries(fields)
    .map(([name, value]) => ({ name, bytes: countBytes(value, maxBytes / 64) + name.length + separatorBytes }))
    .toSorted((a, b) => a.bytes - b.bytes)
  // Each name may be among those left out.
  let left = maxBytes - Buffer.byteLength(JSON.stringify([core, omitted, Object.keys(fields), "omitted"]))
  const fitting = sizes.filter(({ bytes }) => (left -= bytes) >= 0)
  const names = new Set(fitting.map(({ name }) => name))
  const all = [...new Set([...omitted, ...Object.keys(fields).filter((name) => !names.has(name))])]
  return {
    ...core,
    ...Object.fromEntries(Object.entries(fields).filter(([name]) => names.has(name))),
    ...(all.length === 0 ? {} : { omitted: all })
  } as CoreMetadata
}
