import { hiddenCharacters } from "@koredump/core"

const unsafe = new RegExp(`[${hiddenCharacters}/]`, "gu")

/**
 * Turns a name from a server into a name for a local file: one path component, printable, not hidden, at most 255 bytes.
 * Names of cores, as systemd writes them, do not change.
 */
export const safeFileName = (name: string): string => {
  const printable = name.replaceAll(unsafe, "_").replace(/^[.\s-]/, "_")
  let end = printable.length
  while (new TextEncoder().encode(printable.slice(0, end)).length > 255) end -= 1
  return printable.slice(0, end) || "_"
}
