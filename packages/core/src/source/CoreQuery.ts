/** The query of a list as REST has it: a filter, an order, a page, and which fields. Decoded and encoded here alone. */
import { Option, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { CoreState, type CoreSummary, formatTimestamp, isFieldName, parseTimestamp } from "../model/Core.ts"
import { InvalidQuery } from "../model/Problem.ts"
import { signalNumber } from "../model/Signal.ts"
import type { CoreFilter } from "./CoreFilter.ts"

/** What a list is asked for. */
export interface CoreQuery extends CoreFilter {
  /** By time of the crash unless said. */
  readonly sort?: "timestamp" | "size"
  /** Ascending unless said: oldest (smallest) first. */
  readonly order?: "asc" | "desc"
  /** Cores on a page, 1–1000; without it all. */
  readonly limit?: number
  /** Where the page before ended, as that page's answer said. */
  readonly continue?: string
  /** Just these keys; `all` adds the heavy ones (only with a limit of 100 or less). */
  readonly fields?: ReadonlyArray<string> | "all"
}

/** Most values of one parameter, and most characters of one value. */
const maxValues = 100
const maxLength = 4096

const durationUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `90m`, `3d`, `1h30m` in microseconds; NaN for other text. */
export const parseDurationMicros = (text: string): number => {
  if (!/^(?:\d+(?:\.\d+)?[smhdw])+$/.test(text)) return Number.NaN
  let seconds = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g)) {
    seconds += Number(amount) * durationUnits[unit!]!
  }
  return Math.round(seconds * 1_000_000)
}

/** An RFC 3339 time, or a duration before `now`, as microseconds since 1970; undefined for other text. */
export const parseInstant = (text: string, now: number): number | undefined => {
  const time = parseTimestamp(text)
  const micros = Number.isNaN(time) ? now - parseDurationMicros(text) : time
  return Number.isNaN(micros) ? undefined : micros
}

type Params = ReadonlyMap<string, ReadonlyArray<string>>

const isState = Schema.is(CoreState)

const integer = (text: string) => /^\d{1,10}$/.test(text) ? Number(text) : undefined

const each = <A>(
  values: ReadonlyArray<string>,
  decode: (value: string) => A | undefined
): ReadonlyArray<A> | undefined => {
  const decoded = values.map(decode).filter((value) => value !== undefined)
  return decoded.length === values.length ? decoded : undefined
}

const one = <A>(values: ReadonlyArray<string>, decode: (value: string) => A | undefined): A | undefined =>
  values.length === 1 ? decode(values[0]!) : undefined

const text = (values: ReadonlyArray<string>) => values

// For each parameter of a filter: how its values are read (undefined: malformed), and what they should be, in words.
const filterParameters = {
  id: [text, "a core's id"],
  namespace: [text, "a namespace"],
  pod: [text, "a pod's name"],
  container: [text, "a container's name"],
  node: [text, "a node's name"],
  comm: [text, "a program's name"],
  exe: [text, "a program's path"],
  image: [text, "an image's name"],
  signal: [(values) => each(values, signalNumber), "the name or number of a signal"],
  uid: [(values) => each(values, integer), "a user id"],
  state: [
    (values) => values.includes("any") ? "any" : each(values, (value) => isState(value) ? value : undefined),
    "present, truncated, pending, missing or any"
  ],
  signature: [text, "a crash signature"],
  since: [
    (values, now) => one(values, (value) => parseInstant(value, now)),
    "an RFC 3339 time or a duration such as 90m"
  ],
  until: [
    (values, now) => one(values, (value) => parseInstant(value, now)),
    "an RFC 3339 time or a duration such as 90m"
  ],
  q: [(values) => one(values, (value) => value), "one text"]
} as const satisfies {
  readonly [K in keyof CoreFilter]-?: readonly [
    (values: ReadonlyArray<string>, now: number) => CoreFilter[K] | undefined,
    string
  ]
}

const listParameters = {
  sort: [
    (values: ReadonlyArray<string>) =>
      one(values, (value) => value === "timestamp" || value === "size" ? value : undefined),
    "timestamp or size"
  ],
  order: [
    (values: ReadonlyArray<string>) => one(values, (value) => value === "asc" || value === "desc" ? value : undefined),
    "asc or desc"
  ],
  limit: [
    (values: ReadonlyArray<string>) =>
      one(values, (value) => {
        const limit = integer(value)
        return limit !== undefined && limit >= 1 && limit <= 1000 ? limit : undefined
      }),
    "a number from 1 to 1000"
  ],
  continue: [
    (values: ReadonlyArray<string>) => one(values, (value) => Option.isSome(parseContinue(value)) ? value : undefined),
    "the value that the page before gave, in the same order"
  ],
  fields: [
    (values: ReadonlyArray<string>) => {
      const names = values.flatMap((value) => value.split(",")).filter((name) => name !== "")
      return names.includes("all") ? "all" as const : names.every(isFieldName) ? names : undefined
    },
    "names of fields with commas between, or all"
  ]
} as const

type Parameter = readonly [(values: ReadonlyArray<string>, now: number) => unknown, string]

const invalid = (parameter: string, detail: string) => Result.fail(new InvalidQuery({ parameter, detail }))

const decodeWith = <A>(
  parameters: Readonly<Record<string, Parameter>>,
  params: Params,
  now: number
): Result.Result<A, InvalidQuery> => {
  const decoded: Record<string, unknown> = {}
  for (const [name, values] of params) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (parameter === undefined) return invalid(name, `There is no parameter ${JSON.stringify(name)}.`)
    // The old koredumpctl sends `namespace=&pod=` for "any".
    const given = values.filter((value) => value !== "")
    if (given.length === 0) continue
    const [decode, expected] = parameter
    if (given.length > maxValues || given.some((value) => value.length > maxLength)) {
      return invalid(name, `Parameter ${name} has too many or too long values.`)
    }
    const value = decode(given, now)
    if (value === undefined) return invalid(name, `Parameter ${name} must be ${expected}.`)
    decoded[name] = value
  }
  return Result.succeed(decoded as A)
}

/** URL parameters as decoders take them: each name with all its values. */
export const groupParams = (params: Iterable<readonly [string, string]>): Params => {
  const grouped = new Map<string, Array<string>>()
  for (const [name, value] of params) {
    const values = grouped.get(name)
    if (values === undefined) grouped.set(name, [value])
    else values.push(value)
  }
  return grouped
}

/**
 * Reads a filter from URL parameters; `now` (microseconds) is what durations count back from. Fails at the first
 * parameter that is unknown or malformed. Empty values mean "no filter".
 */
export const decodeCoreFilter = (params: Params, now: number): Result.Result<CoreFilter, InvalidQuery> =>
  decodeWith<CoreFilter>(filterParameters, params, now)

/** As {@link decodeCoreFilter}, with order, page and fields. */
export const decodeCoreQuery = (params: Params, now: number): Result.Result<CoreQuery, InvalidQuery> =>
  Result.flatMap(
    decodeWith<CoreQuery>({ ...filterParameters, ...listParameters }, params, now),
    (query) =>
      query.fields === "all" && !(query.limit !== undefined && query.limit <= 100)
        ? invalid("fields", "fields=all needs a limit of 100 or less.")
        : query.continue !== undefined && Option.isNone(decodeContinue(query, query.continue))
        ? invalid("continue", "Parameter continue is of a list in another order.")
        : Result.succeed(query)
  )

/** The URL parameters of a query: what {@link decodeCoreQuery} reads. */
export const encodeCoreQuery = (query: CoreQuery): URLSearchParams => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    if (name === "since" || name === "until") {
      const time = formatTimestamp(value as number)
      if (time !== undefined) params.append(name, time)
    } else if (name === "fields") params.append(name, Array.isArray(value) ? value.join(",") : String(value))
    else if (Array.isArray(value)) { for (const item of value) params.append(name, String(item)) }
    else params.append(name, String(value))
  }
  return params
}

/** Where a core stands in an order: what `continue` holds. Valid at any replica, since it names no index. */
export interface Position {
  /** The core's sort key: microseconds since 1970, or bytes. */
  readonly key: number
  /** Microseconds since 1970. */
  readonly time: number
  readonly node: string
  readonly id: string
}

const PositionJson = Schema.fromJsonString(
  Schema.Tuple([Schema.String, Schema.Finite, Schema.Finite, Schema.String, Schema.String])
)
const decodePositionJson = Schema.decodeOption(PositionJson)

type PageOrder = Pick<CoreQuery, "sort" | "order">

const orderName = ({ order = "asc", sort = "timestamp" }: PageOrder) => `${sort} ${order}`

/** A position as the opaque text of `continue`: it goes on with the same order only. */
export const encodeContinue = (order: PageOrder, position: Position): string =>
  Base64Url.encode(JSON.stringify([orderName(order), position.key, position.time, position.node, position.id]))

const parseContinue = (text: string) =>
  Option.flatMap(Result.getSuccess(Base64Url.decodeString(text)), decodePositionJson)

/** The inverse of {@link encodeContinue}; none for text that is not of a page in this order. */
export const decodeContinue = (order: PageOrder, text: string): Option.Option<Position> =>
  Option.map(
    Option.filter(parseContinue(text), ([name]) => name === orderName(order)),
    ([, key, time, node, id]) => ({ key, time, node, id })
  )

const compareText = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0

/** Order of positions: by key, then time, then node, then id. */
export const comparePositions = (a: Position, b: Position): number =>
  a.key - b.key || a.time - b.time || compareText(a.node, b.node) || compareText(a.id, b.id)

/** A core's position in the order that the query asks for. */
export const positionOf = (core: CoreSummary, sort: CoreQuery["sort"]): Position => {
  const time = parseTimestamp(core.COREDUMP_TIMESTAMP)
  return { key: sort === "size" ? core.size ?? 0 : time, time, node: core.node, id: core.id }
}
