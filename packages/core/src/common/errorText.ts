/** Turns errors and text from other programs into short, safe text for messages and logs. */
import { hiddenCharacters } from "./hiddenCharacters.ts"

const blank = new RegExp(`[${hiddenCharacters}\\s]+`, "gu")

/** One line of at most `maxLength` characters. Longer text ends in `…`. */
export const toSingleLine = (text: string, maxLength = 300): string => {
  // Cut first: the text may be huge, and most of what is cut may be white space.
  const line = text.slice(0, 4 * maxLength).replaceAll(blank, " ").trim()
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line
}

/**
 * The error code (`ECONNREFUSED`, `ENOENT`) of an error or of its cause. An `AggregateError` (all addresses of a host)
 * and the "fetch failed" error hide the code in their causes.
 */
export const errorCode = (error: unknown, depth = 0): string | undefined => {
  if (typeof error !== "object" || error === null || depth > 5) return undefined
  const { cause, code, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown }
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{2,60}$/.test(code)) return code
  return errorCode(Array.isArray(errors) ? errors[0] : undefined, depth + 1) ?? errorCode(cause, depth + 1)
}

const fileErrors: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota exceeded",
  EEXIST: "file exists",
  EFBIG: "file too large",
  EIO: "input/output error",
  EISDIR: "is a directory",
  ELOOP: "is a symbolic link",
  ENAMETOOLONG: "file name too long",
  ENOENT: "no such file or directory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  EPERM: "operation not permitted",
  EROFS: "read-only file system"
}

/** The text of a file system error code, as in errno(3). An unknown code is returned as it is. */
export const fileErrorText = (code: string): string => fileErrors[code] ?? code
