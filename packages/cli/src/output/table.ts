/** The table of cores: as many columns as fit, what matters least goes first. */
import { type CoreSummary, parseTimestamp } from "@koredump/core"
import { pad, padLeft, truncate, visible, widthOf } from "./text.ts"
import { formatAge, formatBytes, formatLocalTime } from "./units.ts"

interface Column {
  readonly title: string
  readonly value: (core: CoreSummary, now: number) => string | number | undefined
  readonly right?: true
  /** Columns down to which long texts may be cut. */
  readonly shrinkTo?: number
}

const millis = (core: CoreSummary) => parseTimestamp(core.COREDUMP_TIMESTAMP) / 1000

const columns = {
  time: { title: "TIME", value: (core) => formatLocalTime(millis(core)) },
  age: { title: "AGE", value: (core, now) => formatAge((now - millis(core)) / 1000), right: true },
  namespace: { title: "NAMESPACE", value: (core) => core.namespace, shrinkTo: 10 },
  pod: { title: "POD", value: (core) => core.pod, shrinkTo: 14 },
  container: { title: "CONTAINER", value: (core) => core.container },
  node: { title: "NODE", value: (core) => core.node, shrinkTo: 10 },
  program: { title: "PROGRAM", value: (core) => core.COREDUMP_COMM ?? core.COREDUMP_EXE, shrinkTo: 10 },
  exe: { title: "EXE", value: (core) => core.COREDUMP_EXE },
  pid: { title: "PID", value: (core) => core.COREDUMP_PID, right: true },
  uid: { title: "UID", value: (core) => core.COREDUMP_UID, right: true },
  signal: { title: "SIGNAL", value: (core) => core.COREDUMP_SIGNAL_NAME ?? core.COREDUMP_SIGNAL },
  state: { title: "STATE", value: (core) => core.state },
  size: {
    title: "SIZE",
    value: (core) => core.size === undefined ? undefined : formatBytes(core.size),
    right: true
  },
  title: { title: "TITLE", value: (core) => core.title, shrinkTo: 20 },
  id: { title: "ID", value: (core) => core.id }
} as const satisfies Record<string, Column>

type ColumnName = keyof typeof columns

const normal: ReadonlyArray<ColumnName> = [
  "time",
  "age",
  "namespace",
  "pod",
  "node",
  "program",
  "pid",
  "uid",
  "signal",
  "state",
  "size",
  "title"
]

const wide: ReadonlyArray<ColumnName> = [
  "time",
  "age",
  "namespace",
  "pod",
  "container",
  "node",
  "program",
  "pid",
  "uid",
  "signal",
  "state",
  "size",
  "exe",
  "title",
  "id"
]

/** What goes first where the terminal is narrow. */
const expendable: ReadonlyArray<ColumnName> = ["title", "uid", "node", "time", "size", "namespace", "age"]

const gap = "  "

/** How the table is to look. */
export interface TableOptions {
  readonly wide: boolean
  /** Columns of the terminal; undefined: as wide as it gets. */
  readonly width: number | undefined
  /** Milliseconds since 1970, for ages. */
  readonly now: number
  readonly color: boolean
}

/** A table whose columns are laid out: rows can be added, as a watch does. */
export interface Table {
  readonly header: string
  readonly row: (core: CoreSummary, now: number) => string
}

const cell = (column: Column, core: CoreSummary, now: number): string => {
  const value = column.value(core, now)
  return value === undefined || value === "" ? "-" : visible(String(value))
}

const worthShowing = (cores: ReadonlyArray<CoreSummary>) => (name: ColumnName): boolean => {
  // Columns that say nothing where no pods, or only one node, are concerned.
  if (name === "node") return new Set(cores.map(({ node }) => node)).size > 1
  if (name !== "namespace" && name !== "pod" && name !== "container" && name !== "title") return true
  return cores.some((core) => columns[name].value(core) !== undefined)
}

const stateColors: Readonly<Record<string, number>> = { truncated: 33, pending: 36, missing: 2, deleted: 2 }

/** Lays out a table by the cores it starts with. */
export const layOutTable = (cores: ReadonlyArray<CoreSummary>, options: TableOptions): Table => {
  const shown = options.wide ? wide : normal.filter(worthShowing(cores))
  const natural = new Map(shown.map((name) => {
    const column: Column = columns[name]
    return [name, Math.max(column.title.length, ...cores.map((core) => widthOf(cell(column, core, options.now))))]
  }))
  const widths = options.width === undefined || options.wide ? natural : fit(natural, options.width)
  const names = [...widths.keys()]
  const line = (texts: ReadonlyArray<string>, paint = (_: ColumnName, text: string) => text) =>
    names.map((name, i) => {
      const column: Column = columns[name]
      const width = widths.get(name)!
      const text = options.wide ? texts[i]! : truncate(texts[i]!, options.width === undefined ? Infinity : width)
      // The last column needs no padding, and nothing to trail.
      const padded = column.right === true ? padLeft(text, width) : i === names.length - 1 ? text : pad(text, width)
      return paint(name, padded)
    }).join(gap)

  return {
    header: line(names.map((name) => columns[name].title)),
    row: (core, now) =>
      line(names.map((name) => cell(columns[name], core, now)), (name, text) => {
        const color = name === "state" && options.color ? stateColors[text.trim()] : undefined
        return color === undefined ? text : `\u001b[${color}m${text}\u001b[0m`
      })
  }
}

const total = (widths: Iterable<number>) => {
  let sum = -gap.length
  for (const width of widths) sum += width + gap.length
  return sum
}

const smallest = (name: ColumnName, width: number) => {
  const { shrinkTo, title }: Column = columns[name]
  return shrinkTo === undefined ? width : Math.min(width, Math.max(shrinkTo, title.length))
}

/** Drops columns until the rest can fit, then cuts the longest until it does. */
const fit = (natural: ReadonlyMap<ColumnName, number>, available: number): Map<ColumnName, number> => {
  const widths = new Map(natural)
  for (const name of expendable) {
    // The title says again what other columns do: nothing is cut for its sake.
    const uncut = widths.has("title")
    const least = [...widths].map(([name, width]) => uncut && name !== "title" ? width : smallest(name, width))
    if (total(least) <= available) break
    widths.delete(name)
  }
  for (let excess = total(widths.values()) - available; excess > 0; excess--) {
    const shrinkable = [...widths].filter(([name, width]) => width > smallest(name, natural.get(name)!))
    if (shrinkable.length === 0) break
    const [name, width] = shrinkable.reduce((a, b) => b[1] > a[1] ? b : a)
    widths.set(name, width - 1)
  }
  return widths
}

/** The whole table, header first. */
export const formatTable = (cores: ReadonlyArray<CoreSummary>, options: TableOptions): string => {
  const table = layOutTable(cores, options)
  return [table.header, ...cores.map((core) => table.row(core, options.now))].join("\n")
}
