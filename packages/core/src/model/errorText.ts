/** What others say of a failure, made fit for a sentence or a line of the log. */

/** Foreign text: one line of at most `maxLength` characters, the last of them `…` where it was longer. */
export const toSingleLine = (text: string, maxLength = 300): string => {
  // Never the whole of something huge; much of what is cut may be space.
  const line = text.slice(0, 4 * maxLength).replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line
}

/**
 * The code that says what happened (`ECONNREFUSED`), of the error or of what caused it: an `AggregateError` (all addresses
 * of a host) and fetch's "fetch failed" hide it.
 */
export const errorCode = (error: unknown, depth = 0): string | undefined => {
  if (typeof error !== "object" || error === null || depth > 5) return undefined
  const { cause, code, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown }
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) return code
  return errorCode(Array.isArray(errors) ? errors[0] : undefined, depth + 1) ?? errorCode(cause, depth + 1)
}
