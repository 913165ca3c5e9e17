/** Lays out tables: as many columns as fit, what matters least goes first. */
import { pad, padLeft, truncate, visible, widthOf } from "./escape.ts"

/** A column of a table whose rows show values of type `A`. */
export interface Column<A> {
  readonly title: string
  readonly value: (row: A, now: number) => string | number | undefined
  readonly right?: true
  /** Columns down to which long texts may be cut. */
  readonly shrinkTo?: number
}

/** What a kind of table is made of. */
export interface Design<A, Name extends string> {
  readonly columns: Readonly<Record<Name, Column<A>>>
  readonly normal: ReadonlyArray<Name>
  readonly wide: ReadonlyArray<Name>
  /** What goes first where the terminal is narrow. */
  readonly expendable: ReadonlyArray<Name>
  /** A column for whose sake no other is cut. */
  readonly luxury?: Name
  /** Whether a column of a normal table tells anything of these rows. */
  readonly tells: (name: Name, rows: ReadonlyArray<A>) => boolean
  /** The color of a cell, if any. */
  readonly color: (name: Name, text: string) => number | undefined
}

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
export interface Table<A> {
  readonly header: string
  readonly row: (row: A, now: number) => string
}

const gap = "  "

const cell = <A>(column: Column<A>, row: A, now: number): string => {
  const value = column.value(row, now)
  return value === undefined || value === "" ? "-" : visible(String(value))
}

/** Lays out a table by the rows it starts with. */
export const layOut = <A, Name extends string>(
  design: Design<A, Name>,
  rows: ReadonlyArray<A>,
  options: TableOptions
): Table<A> => {
  const shown = options.wide ? design.wide : design.normal.filter((name) => design.tells(name, rows))
  const natural = new Map(shown.map((name) => {
    const column = design.columns[name]
    return [name, Math.max(column.title.length, ...rows.map((row) => widthOf(cell(column, row, options.now))))]
  }))
  const widths = options.width === undefined || options.wide ? natural : fit(design, natural, options.width)
  const names = [...widths.keys()]
  const line = (texts: ReadonlyArray<string>, paint = (_: Name, text: string) => text) =>
    names.map((name, i) => {
      const width = widths.get(name)!
      const text = options.wide ? texts[i]! : truncate(texts[i]!, options.width === undefined ? Infinity : width)
      // The last column needs no padding, and nothing to trail.
      const padded = design.columns[name].right === true
        ? padLeft(text, width)
        : i === names.length - 1
        ? text
        : pad(text, width)
      return paint(name, padded)
    }).join(gap)

  return {
    header: line(names.map((name) => design.columns[name].title)),
    row: (row, now) =>
      line(names.map((name) => cell(design.columns[name], row, now)), (name, text) => {
        const color = options.color ? design.color(name, text.trim()) : undefined
        return color === undefined ? text : `\u001b[${color}m${text}\u001b[0m`
      })
  }
}

/** A whole table, header first. */
export const formatRows = <A, Name extends string>(
  design: Design<A, Name>,
  rows: ReadonlyArray<A>,
  options: TableOptions
): string => {
  const table = layOut(design, rows, options)
  return [table.header, ...rows.map((row) => table.row(row, options.now))].join("\n")
}

const total = (widths: Iterable<number>) => {
  let sum = -gap.length
  for (const width of widths) sum += width + gap.length
  return sum
}

/** Drops columns until the rest can fit, then cuts the longest until it does. */
const fit = <A, Name extends string>(
  { columns, expendable, luxury }: Design<A, Name>,
  natural: ReadonlyMap<Name, number>,
  available: number
): Map<Name, number> => {
  const smallest = (name: Name, width: number) => {
    const { shrinkTo, title } = columns[name]
    return shrinkTo === undefined ? width : Math.min(width, Math.max(shrinkTo, title.length))
  }
  const widths = new Map(natural)
  for (const name of expendable) {
    const uncut = luxury !== undefined && widths.has(luxury)
    const least = [...widths].map(([name, width]) => uncut && name !== luxury ? width : smallest(name, width))
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
