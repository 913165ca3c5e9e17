import type { ByteRange } from "@koredump/core"
import { parse } from "range-parser"

/** The range to send. `none`: send the whole file. `unsatisfiable`: answer 416. */
export type RequestedRange = ByteRange | "none" | "unsatisfiable"

/** Longer than any header with one valid range. */
const maxLength = 100

/**
 * Parses a `Range` header (RFC 9110, section 14.2) for a file of `size` bytes. Only single ranges of bytes are supported.
 * A header that is missing, malformed, of another unit, or that lists several ranges is ignored (`none`).
 */
export const parseByteRange = (header: string | undefined, size: number): RequestedRange => {
  if (header === undefined || header.length > maxLength || header.includes(",")) return "none"
  const { code, ranges: [range], type } = parse(size, header.trim())
  // Bit 0 of the code: the header is malformed.
  if (type !== "bytes" || (code & 1) !== 0) return "none"
  return range === undefined ? "unsatisfiable" : { start: range.start, end: range.end + 1 }
}
