/** Facts below one another, each after its label. */
import { padLeft } from "./escape.ts"

/** A label and what it labels; facts that are not known are left out. */
export type Fact = readonly [label: string, value: string | undefined]

/** The labels end in one column. */
export const formatFacts = (facts: ReadonlyArray<Fact>): string => {
  const known = facts.filter(([, value]) => value !== undefined)
  const width = Math.max(...known.map(([label]) => label.length)) + 2
  return known.map(([label, value]) => `${padLeft(label, width)}: ${value}`).join("\n")
}
