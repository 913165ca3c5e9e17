import { displayWidth } from "./terminalText.ts"

/** Columns that a description gets at least, on a terminal that is too narrow. */
const minDescription = 20

/** Two columns: a name with its type, and the description. */
const row = /^( {2}\S.*? {2,})(\S.*)$/

const wrapWords = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line: string | undefined
  for (const word of text.split(" ")) {
    const longer: string = line === undefined ? word : `${line} ${word}`
    if (line === undefined || displayWidth(longer) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return line === undefined ? lines : [...lines, line]
}

/**
 * Wraps the descriptions of a help page between words, so that no line exceeds `width` columns. Lines without a second
 * column (usage, examples) stay as they are, so that they can be copied.
 */
export const wrapHelp = (help: string, width: number): string =>
  help.split("\n").map((line) => {
    const [, name, description] = row.exec(line) ?? []
    if (name === undefined || description === undefined || displayWidth(line) <= width) return line
    const indent = displayWidth(name)
    return name + wrapWords(description, Math.max(minDescription, width - indent)).join(`\n${" ".repeat(indent)}`)
  }).join("\n")
