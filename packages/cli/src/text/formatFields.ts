import { padStart } from "./terminalText.ts"

/** A label and its value. A field without a value is not shown. */
export type Field = readonly [label: string, value: string | undefined]

/** One field per line. The labels are aligned on the right. */
export const formatFields = (fields: ReadonlyArray<Field>): string => {
  const shown = fields.filter(([, value]) => value !== undefined)
  const width = Math.max(...shown.map(([label]) => label.length)) + 2
  return shown.map(([label, value]) => `${padStart(label, width)}: ${value}`).join("\n")
}
