/** Formats values as JSON and YAML. Hidden characters are escaped, which does not change the values. */
import { Effect } from "effect"
import { escapeInJson, escapeInYaml, hasHidden } from "./escape.ts"

/** Indented JSON. */
export const formatJson = (value: unknown): string => escapeInJson(JSON.stringify(value, undefined, 2))

/** JSON on one line. */
export const formatJsonLine = (value: unknown): string => escapeInJson(JSON.stringify(value))

/** One JSON value per line. */
export const formatNdjson = (values: ReadonlyArray<unknown>): string => values.map(formatJsonLine).join("\n")

/** YAML that is the same value in YAML 1.1 and 1.2. */
export const formatYaml = (value: unknown): Effect.Effect<string> =>
  Effect.promise(async () => {
    // Loaded on demand: most commands print no YAML.
    const { default: { Document, Scalar, visit } } = await import("yaml")
    const document = new Document(value, { compat: "yaml-1.1", aliasDuplicateObjects: false })
    visit(document, {
      Scalar: (_, node) => {
        if (typeof node.value === "string" && hasHidden(node.value)) node.type = Scalar.QUOTE_DOUBLE
      }
    })
    // Without the last line end, which belongs to the value if the text ends with several.
    return escapeInYaml(document.toString({ lineWidth: 0 })).replace(/\n$/, "")
  })
