/** The table of cores. */
import { type CoreSummary, parseTimestamp } from "@koredump/core"
import { type Column, type Design, formatRows, layOut, type Table, type TableOptions } from "../text/tableLayout.ts"
import { formatAge, formatBytes, formatLocalTime } from "../text/units.ts"

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
} as const satisfies Record<string, Column<CoreSummary>>

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

const tells = (name: ColumnName, cores: ReadonlyArray<CoreSummary>): boolean => {
  // Columns that say nothing where no pods, or only one node, are concerned.
  if (name === "node") return new Set(cores.map(({ node }) => node)).size > 1
  if (name !== "namespace" && name !== "pod" && name !== "container" && name !== "title") return true
  return cores.some((core) => columns[name].value(core) !== undefined)
}

const stateColors: Readonly<Record<string, number>> = { truncated: 33, pending: 36, missing: 2, deleted: 2 }

const design: Design<CoreSummary, ColumnName> = {
  columns,
  normal,
  wide,
  expendable,
  // The title says again what other columns do.
  luxury: "title",
  tells,
  color: (name, text) => name === "state" ? stateColors[text] : undefined
}

/** Lays out a table by the cores it starts with. */
export const layOutTable = (cores: ReadonlyArray<CoreSummary>, options: TableOptions): Table<CoreSummary> =>
  layOut(design, cores, options)

/** The whole table, header first. */
export const formatTable = (cores: ReadonlyArray<CoreSummary>, options: TableOptions): string =>
  formatRows(design, cores, options)
