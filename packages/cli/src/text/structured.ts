/** Output for programs. The same values as the server has; characters that a terminal would act upon are escaped. */
import { Effect } from "effect"
import { escapeInQuotes, hasHidden } from "./escape.ts"

/** JSON as people can read it too. */
export const formatJson = (value: unknown): string => escapeInQuotes(JSON.stringify(value, undefined, 2))

/** JSON in one line. */
export const formatJsonLine = (value: unknown): string => escapeInQuotes(JSON.stringify(value))

/** One value a line. */
export const formatNdjson = (values: ReadonlyArray<unknown>): string => values.map(formatJsonLine).join("\n")

/** YAML that readers of YAML 1.1 and 1.2 alike understand. */
export const formatYaml = (value: unknown): Effect.Effect<string> =>
  Effect.promise(async () => {
    // Most runs print no YAML, and need not load it.
    const { default: { Document, Scalar, visit } } = await import("yaml")
    const document = new Document(value, { compat: "yaml-1.1", aliasDuplicateObjects: false })
    visit(document, {
      Scalar: (_, node) => {
        if (typeof node.value === "string" && hasHidden(node.value)) node.type = Scalar.QUOTE_DOUBLE
      }
    })
    return escapeInQuotes(document.toString({ lineWidth: 0 })).trimEnd()
  })
