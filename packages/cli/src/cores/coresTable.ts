import { type CoreSummary, parseTimestamp } from "@koredump/core"
import {
  type Column,
  formatTable,
  layOutTable,
  type Table,
  type TableDesign,
  type TableOptions
} from "../text/tableLayout.ts"
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

const expendable: ReadonlyArray<ColumnName> = ["title", "uid", "node", "time", "size", "namespace", "age"]

const isUseful = (name: ColumnName, cores: ReadonlyArray<CoreSummary>): boolean => {
  // A single host has no pods and only one node.
  if (name === "node") return new Set(cores.map(({ node }) => node)).size > 1
  if (name !== "namespace" && name !== "pod" && name !== "container" && name !== "title") return true
  return cores.some((core) => columns[name].value(core) !== undefined)
}

const stateColors: Readonly<Record<string, number>> = { truncated: 33, pending: 36, missing: 2, deleted: 2 }

const design: TableDesign<CoreSummary, ColumnName> = {
  columns,
  normal,
  wide,
  expendable,
  // The title repeats other columns.
  optional: "title",
  isUseful,
  color: (name, text) => name === "state" ? stateColors[text] : undefined
}

/** Chooses the columns and their widths for the first cores of a table. */
export const layOutCoresTable = (cores: ReadonlyArray<CoreSummary>, options: TableOptions): Table<CoreSummary> =>
  layOutTable(design, cores, options)

/** A table of cores with a header. */
export const formatCoresTable = (cores: ReadonlyArray<CoreSummary>, options: TableOptions): string =>
  formatTable(design, cores, options)
