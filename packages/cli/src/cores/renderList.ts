/** Renders lists of cores, and the events of a watch, in all output formats. */
import type { CoreEvent, CoreSummary } from "@koredump/core"
import { Clock, Effect } from "effect"
import { escapeHidden } from "../text/escape.ts"
import { Screen } from "../text/Screen.ts"
import { formatJson, formatJsonLine, formatNdjson, formatYaml } from "../text/structured.ts"
import { formatCoresTable, layOutCoresTable } from "./coresTable.ts"
import { formatBlock } from "./formatBlock.ts"

/** The values of `list -o`. */
export const listFormats = ["table", "wide", "json", "ndjson", "yaml", "name", "long"] as const

/** An output format of `list`. */
export type ListFormat = typeof listFormats[number]

/** Options of {@link renderList}. */
interface ListOptions {
  /** Milliseconds since 1970. */
  readonly now: number
  /** JSON and YAML are one object, not an array. */
  readonly newest: boolean
  readonly screen: Screen["Service"]
  /** Events follow, so JSON is one event per line. */
  readonly watch: boolean
}

const tableOptions = (format: ListFormat, now: number, screen: Screen["Service"]) => ({
  wide: format === "wide",
  width: screen.stdout?.columns,
  color: screen.color && screen.stdout !== undefined,
  now
})

/** A list as text. Empty if there is nothing to print. */
export const renderList = (
  format: ListFormat,
  cores: ReadonlyArray<CoreSummary>,
  { newest, now, screen, watch }: ListOptions
): Effect.Effect<string> => {
  const value = newest ? cores.at(-1) : cores
  if (watch && (format === "json" || format === "ndjson")) {
    return Effect.succeed(cores.map((object) => formatJsonLine({ type: "ADDED", object })).join("\n"))
  }
  if (value === undefined || (watch && cores.length === 0)) return Effect.succeed("")
  switch (format) {
    case "table":
    case "wide":
      return Effect.succeed(cores.length === 0 ? "" : formatCoresTable(cores, tableOptions(format, now, screen)))
    case "json":
      return Effect.succeed(formatJson(value))
    case "ndjson":
      return Effect.succeed(formatNdjson(cores))
    case "yaml":
      return formatYaml(value)
    case "name":
      return Effect.succeed(cores.map(({ id }) => escapeHidden(id)).join("\n"))
    case "long":
      return Effect.succeed(cores.map(formatBlock).join("\n"))
  }
}

/** Returns a function that renders one event after the list. */
export const renderEvents = Effect.fnUntraced(function*(format: ListFormat, cores: ReadonlyArray<CoreSummary>) {
  const screen = yield* Screen
  let table = cores.length === 0
    ? undefined
    : layOutCoresTable(cores, tableOptions(format, yield* Clock.currentTimeMillis, screen))

  const tableRow = (core: CoreSummary, now: number) => {
    if (table !== undefined) return table.row(core, now)
    table = layOutCoresTable([core], tableOptions(format, now, screen))
    return `${table.header}\n${table.row(core, now)}`
  }

  return (type: CoreEvent["type"], object: CoreSummary): Effect.Effect<string> => {
    // JSON and YAML show the type of the event. The other formats show it as a state.
    const shown = type === "DELETED" ? { ...object, state: "deleted" } as unknown as CoreSummary : object
    switch (format) {
      case "table":
      case "wide":
        return Effect.map(Clock.currentTimeMillis, (now) => tableRow(shown, now))
      case "json":
      case "ndjson":
        return Effect.succeed(formatJsonLine({ type, object }))
      case "yaml":
        return Effect.map(formatYaml({ type, object }), (text) => `---\n${text}`)
      case "name":
        return Effect.succeed(escapeHidden(object.id))
      case "long":
        return Effect.succeed(formatBlock(shown))
    }
  }
})
