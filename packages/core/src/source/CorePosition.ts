/** Orders of cores, and the opaque text of `continue`: the position where the next page starts. */
import { Option, Result, Schema } from "effect"
import { Base64Url } from "effect/encoding"
import { type CoreSummary, parseTimestamp } from "../model/Core.ts"

/** Sort key and direction of a list. Default: ascending by timestamp. */
interface CoreOrder {
  readonly sort?: "timestamp" | "size"
  readonly order?: "asc" | "desc"
}

/** The position of a core in an order. It refers to no index, so any replica can continue from it. */
export interface CorePosition {
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

const orderName = ({ order = "asc", sort = "timestamp" }: CoreOrder) => `${sort} ${order}`

/** A position as the opaque text of `continue`. It is valid in the same order only. */
export const encodeContinue = (order: CoreOrder, position: CorePosition): string =>
  Base64Url.encode(JSON.stringify([orderName(order), position.key, position.time, position.node, position.id]))

const parseContinue = (text: string) =>
  Option.flatMap(Result.getSuccess(Base64Url.decodeString(text)), decodePositionJson)

/** Whether a text is a valid `continue` text of any order. */
export const isContinue = (text: string): boolean => Option.isSome(parseContinue(text))

/** The inverse of {@link encodeContinue}. Returns `none` for text that does not belong to this order. */
export const decodeContinue = (order: CoreOrder, text: string): Option.Option<CorePosition> =>
  Option.map(
    Option.filter(parseContinue(text), ([name]) => name === orderName(order)),
    ([, key, time, node, id]) => ({ key, time, node, id })
  )

const compareText = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0

/** Compares positions by key, then time, node and ID. */
export const comparePositions = (a: CorePosition, b: CorePosition): number =>
  a.key - b.key || a.time - b.time || compareText(a.node, b.node) || compareText(a.id, b.id)

/** The position of a core in a list with this sort key. */
export const toPosition = (core: CoreSummary, sort: CoreOrder["sort"] = "timestamp"): CorePosition => {
  const time = parseTimestamp(core.COREDUMP_TIMESTAMP)
  return { key: sort === "size" ? core.size ?? 0 : time, time, node: core.node, id: core.id }
}
