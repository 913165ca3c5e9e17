/** The `Range` header of HTTP (RFC 9110, 14.1.2), of which single ranges of bytes are served. */
import type { ByteRange } from "@koredump/core"

/** `none`: send the whole file (no range, one that is malformed, or several). */
export type RangeDecision = ByteRange | "none" | "unsatisfiable"

/** What a `Range` header asks of a file of `size` bytes. */
export const decideRange = (header: string | undefined, size: number): RangeDecision => {
  const match = /^bytes=(?:(\d{1,16})-(\d{0,16})|-(\d{1,16}))$/i.exec(header?.trim() ?? "")
  if (match === null) return "none"
  const [, first, last, suffix] = match
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size)
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size }
  }
  const start = Number(first)
  const end = last === "" ? size : Math.min(Number(last) + 1, size)
  if (last !== "" && Number(last) < start) return "none"
  return start >= size ? "unsatisfiable" : { start, end }
}
