/** Foreign text for a sentence or a log line: one line, short. */
export const excerpt = (text: string): string => {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim()
  return line.length > 300 ? `${line.slice(0, 300)}…` : line
}
