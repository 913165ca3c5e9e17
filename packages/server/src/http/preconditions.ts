/** Conditional requests (RFC 9110, 13) on a file: what the request's headers make of the answer. */
import { decideRange, type RangeDecision } from "./byteRange.ts"

/** What conditions compare with. */
export interface FileFacts {
  readonly size: number
  /** A strong entity tag, quotes included. */
  readonly etag: string
  /** Milliseconds since 1970; HTTP knows whole seconds only. */
  readonly lastModified: number
}

/** The request's headers, names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>

/** Whether a list of entity tags (`"a", W/"b"`, or `*`) names this one. Weak tags match only where `weak` is allowed. */
const namesTag = (list: string, etag: string, weak: boolean): boolean =>
  list.trim() === "*" ||
  (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => tag === etag || (weak && tag === `W/${etag}`))

const seconds = (millis: number) => Math.floor(millis / 1000)

/** An HTTP date in seconds since 1970; undefined for other text, which is as if the header were not there. */
const parseHttpDate = (text: string | undefined): number | undefined => {
  const millis = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text ?? "")
    ? Date.parse(text!)
    : Number.NaN
  return Number.isNaN(millis) ? undefined : seconds(millis)
}

/** Whether the file is still the one that `If-Range` names; then a range may be sent. */
const rangeIsCurrent = (ifRange: string | undefined, file: FileFacts): boolean => {
  if (ifRange === undefined) return true
  if (ifRange.includes("\"")) return ifRange.trim() === file.etag
  return parseHttpDate(ifRange) === seconds(file.lastModified)
}

/** The answer: 412, 304, 416, the whole file, or a part of it. In the order of RFC 9110, 13.2.2. */
export const evaluate = (
  headers: RequestHeaders,
  file: FileFacts
): "precondition-failed" | "not-modified" | RangeDecision => {
  const modified = seconds(file.lastModified)
  const ifMatch = headers["if-match"]
  const unmodifiedSince = parseHttpDate(headers["if-unmodified-since"])
  if (
    ifMatch !== undefined
      ? !namesTag(ifMatch, file.etag, false)
      : unmodifiedSince !== undefined && modified > unmodifiedSince
  ) {
    return "precondition-failed"
  }
  const ifNoneMatch = headers["if-none-match"]
  const modifiedSince = parseHttpDate(headers["if-modified-since"])
  if (
    ifNoneMatch !== undefined
      ? namesTag(ifNoneMatch, file.etag, true)
      : modifiedSince !== undefined && modified <= modifiedSince
  ) {
    return "not-modified"
  }
  return rangeIsCurrent(headers["if-range"], file) ? decideRange(headers["range"], file.size) : "none"
}
