/** Lists of cores in all formats, and what a watch adds to them. */
import type { CoreEvent, CoreSummary } from "@koredump/core"
import { Clock, Effect } from "effect"
import { visible } from "../text/escape.ts"
import { Screen } from "../text/Screen.ts"
import { formatJson, formatJsonLine, formatNdjson, formatYaml } from "../text/structured.ts"
import { formatTable, layOutTable } from "./coresTable.ts"
import { formatLong } from "./formatBlock.ts"

/** The values of `list -o`. */
export const listFormats = ["table", "wide", "json", "ndjson", "yaml", "name", "long"] as const
export type ListFormat = typeof listFormats[number]

/** What a list is rendered with. */
export interface ListOptions {
  /** Milliseconds since 1970. */
  readonly now: number
  /** One core was asked for: json and yaml are that core, not an array. */
  readonly newest: boolean
  readonly screen: Screen["Service"]
  /** Events will follow: json is one object a line from the start. */
  readonly watch: boolean
}

const tableOptions = (format: ListFormat, now: number, screen: Screen["Service"]) => ({
  wide: format === "wide",
  width: screen.stdout?.columns,
  color: screen.color && screen.stdout !== undefined,
  now
})

/** A list as text; empty where there is nothing to print. */
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
      return Effect.succeed(cores.length === 0 ? "" : formatTable(cores, tableOptions(format, now, screen)))
    case "json":
      return Effect.succeed(formatJson(value))
    case "ndjson":
      return Effect.succeed(formatNdjson(cores))
    case "yaml":
      return formatYaml(value)
    case "name":
      return Effect.succeed(cores.map(({ id }) => visible(id)).join("\n"))
    case "long":
      return Effect.succeed(cores.map(formatLong).join("\n"))
  }
}

/** How events after a list are shown: `render(type, core)` is the text for one. */
export const renderEvents = Effect.fnUntraced(function*(format: ListFormat, cores: ReadonlyArray<CoreSummary>) {
  const screen = yield* Screen
  let table = cores.length === 0
    ? undefined
    : layOutTable(cores, tableOptions(format, yield* Clock.currentTimeMillis, screen))

  const tableRow = (core: CoreSummary, now: number) => {
    if (table !== undefined) return table.row(core, now)
    table = layOutTable([core], tableOptions(format, now, screen))
    return `${table.header}\n${table.row(core, now)}`
  }

  return (type: CoreEvent["type"], object: CoreSummary): Effect.Effect<string> => {
    // What left the view has no state of its own in the formats for people.
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
        return Effect.succeed(visible(object.id))
      case "long":
        return Effect.succeed(formatLong(shown))
    }
  }
})
