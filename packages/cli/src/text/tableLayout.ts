/** Lays out tables with as many columns as fit on the terminal. */
import { escapeHidden } from "./escape.ts"
import { displayWidth, padEnd, padStart, paint, truncate } from "./terminalText.ts"

/** A column of a table whose rows show values of type `A`. */
export interface Column<A> {
  readonly title: string
  readonly value: (row: A, now: number) => string | number | undefined
  /** Aligned on the right. */
  readonly right?: true
  /** The width down to which long texts can be cut. Default: never cut. */
  readonly shrinkTo?: number
}

/** The columns of one kind of table. */
export interface TableDesign<A, Name extends string> {
  readonly columns: Readonly<Record<Name, Column<A>>>
  /** The columns of a table. */
  readonly normal: ReadonlyArray<Name>
  /** The columns of a wide table, which is never cut. */
  readonly wide: ReadonlyArray<Name>
  /** Columns that a narrow terminal does not show. The first one is removed first. */
  readonly expendable: ReadonlyArray<Name>
  /** A column that is removed before any other column is cut. */
  readonly optional?: Name
  /** Whether a column of a normal table is useful for these rows. */
  readonly isUseful: (name: Name, rows: ReadonlyArray<A>) => boolean
  /** The SGR code of the color of a cell, if it has one. */
  readonly color: (name: Name, text: string) => number | undefined
}

/** Options of a table. */
export interface TableOptions {
  readonly wide: boolean
  /** Columns of the terminal. Undefined: no limit. */
  readonly width: number | undefined
  /** Milliseconds since 1970, for ages. */
  readonly now: number
  readonly color: boolean
}

/** A table with fixed columns, to which a watch can add rows. */
export interface Table<A> {
  readonly header: string
  /** The rows for which the table was made. */
  readonly rows: () => ReadonlyArray<string>
  readonly row: (row: A, now: number) => string
}

const gap = "  "

const cell = <A>(column: Column<A>, row: A, now: number): string => {
  const value = column.value(row, now)
  return value === undefined || value === "" ? "-" : escapeHidden(String(value))
}

/** Chooses the columns and their widths for the first rows of a table. */
export const layOutTable = <A, Name extends string>(
  design: TableDesign<A, Name>,
  rows: ReadonlyArray<A>,
  options: TableOptions
): Table<A> => {
  const shown = options.wide ? design.wide : design.normal.filter((name) => design.isUseful(name, rows))
  const toCells = (row: A, now: number) => shown.map((name) => cell(design.columns[name], row, now))
  // Each cell is made once: the widths and the rows need it.
  const cells = rows.map((row) => toCells(row, options.now))
  const natural = new Map(shown.map((name, i) => {
    let width = design.columns[name].title.length
    for (const row of cells) width = Math.max(width, displayWidth(row[i]!))
    return [name, width]
  }))
  const widths = options.width === undefined || options.wide ? natural : fit(design, natural, options.width)
  const columns = [...widths].map(([name, width], i) => ({
    name,
    width,
    index: shown.indexOf(name),
    right: design.columns[name].right === true,
    // No spaces at the end of a line.
    isLast: i === widths.size - 1
  }))
  const line = (texts: ReadonlyArray<string>, colored = (_: Name, text: string) => text) =>
    columns.map(({ index, isLast, name, right, width }) => {
      const text = options.wide || options.width === undefined ? texts[index]! : truncate(texts[index]!, width)
      return colored(name, right ? padStart(text, width) : isLast ? text : padEnd(text, width))
    }).join(gap)
  const formatRow = (texts: ReadonlyArray<string>) =>
    line(texts, (name, text) => {
      const color = options.color ? design.color(name, text.trim()) : undefined
      return color === undefined ? text : paint(text, color, true)
    })

  return {
    header: line(shown.map((name) => design.columns[name].title)),
    rows: () => cells.map(formatRow),
    row: (row, now) => formatRow(toCells(row, now))
  }
}

/** A table with a header. */
export const formatTable = <A, Name extends string>(
  design: TableDesign<A, Name>,
  rows: ReadonlyArray<A>,
  options: TableOptions
): string => {
  const table = layOutTable(design, rows, options)
  return [table.header, ...table.rows()].join("\n")
}

const total = (widths: Iterable<number>) => {
  let sum = -gap.length
  for (const width of widths) sum += width + gap.length
  return sum
}

/** Removes columns until the others can fit, then cuts the widest columns until they fit. */
const fit = <A, Name extends string>(
  { columns, expendable, optional }: TableDesign<A, Name>,
  natural: ReadonlyMap<Name, number>,
  available: number
): Map<Name, number> => {
  const smallest = (name: Name, width: number) => {
    const { shrinkTo, title } = columns[name]
    return shrinkTo === undefined ? width : Math.min(width, Math.max(shrinkTo, title.length))
  }
  const widths = new Map(natural)
  for (const name of expendable) {
    const uncut = optional !== undefined && widths.has(optional)
    const least = [...widths].map(([name, width]) => uncut && name !== optional ? width : smallest(name, width))
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
