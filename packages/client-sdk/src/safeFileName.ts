/** Names of files that a server gave are never paths. */

/**
 * A name for a local file from whatever a server says: one component, printable, never hidden, at most 255 bytes. Names
 * of cores, as systemd writes them, stay as they are.
 */
export const safeFileName = (name: string): string => {
  const printable = name.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}/]/gu, "_").replace(/^[.\s-]/, "_")
  let end = printable.length
  while (new TextEncoder().encode(printable.slice(0, end)).length > 255) end -= 1
  return printable.slice(0, end) || "_"
}
