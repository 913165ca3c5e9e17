/** Conditional requests (RFC 9110, section 13). */
import { parseByteRange, type RequestedRange } from "./parseByteRange.ts"

/** The properties of a file that preconditions are compared with. */
interface FileInfo {
  readonly size: number
  /** A strong entity tag, including its quotes. */
  readonly etag: string
  /** Milliseconds since 1970. HTTP dates have whole seconds only. */
  readonly lastModified: number
}

/** The headers of a request, with names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>

/** Whether a list of entity tags (`"a", W/"b"`, or `*`) contains the tag. Weak tags match only if `allowWeak` is true. */
export const includesTag = (list: string, etag: string, allowWeak: boolean): boolean =>
  list.trim() === "*" ||
  (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag === etag || (allowWeak && tag === `W/${etag}`))

const toSeconds = (millis: number) => Math.floor(millis / 1000)

/** Parses an HTTP date into seconds since 1970. Invalid dates are ignored, as if the header were missing. */
const parseHttpDate = (text: string | undefined): number | undefined => {
  const millis = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text ?? "")
    ? Date.parse(text!)
    : Number.NaN
  return Number.isNaN(millis) ? undefined : toSeconds(millis)
}

/** Whether the file is unchanged according to `If-Range`, so that a range of it can be sent. */
const isRangeCurrent = (ifRange: string | undefined, file: FileInfo): boolean => {
  if (ifRange === undefined) return true
  if (ifRange.includes("\"")) return ifRange.trim() === file.etag
  return parseHttpDate(ifRange) === toSeconds(file.lastModified)
}

/** Determines the answer from the headers of a request: 412, 304, or a range. The order is that of section 13.2.2. */
export const evaluatePreconditions = (
  headers: RequestHeaders,
  file: FileInfo
): "precondition-failed" | "not-modified" | RequestedRange => {
  const modified = toSeconds(file.lastModified)
  const ifMatch = headers["if-match"]
  const unmodifiedSince = parseHttpDate(headers["if-unmodified-since"])
  const failed = ifMatch !== undefined
    ? !includesTag(ifMatch, file.etag, false)
    : unmodifiedSince !== undefined && modified > unmodifiedSince
  if (failed) return "precondition-failed"
  const ifNoneMatch = headers["if-none-match"]
  const modifiedSince = parseHttpDate(headers["if-modified-since"])
  const unmodified = ifNoneMatch !== undefined
    ? includesTag(ifNoneMatch, file.etag, true)
    : modifiedSince !== undefined && modified <= modifiedSince
  if (unmodified) return "not-modified"
  return isRangeCurrent(headers["if-range"], file) ? parseByteRange(headers["range"], file.size) : "none"
}
