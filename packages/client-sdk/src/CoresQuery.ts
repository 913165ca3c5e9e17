/** The query of a list as people write it. */
import {
  type CoreFilter,
  type CoreQuery,
  type CoreState,
  decodeCoreFilter,
  decodeCoreQuery,
  type InvalidQuery
} from "@koredump/core"
import { Clock, Effect } from "effect"

type OneOrMore<A> = A | ReadonlyArray<A>

/** Which cores are meant. All conditions must hold; of several values of one condition any. */
export interface CoresFilter {
  readonly namespace?: OneOrMore<string> | undefined
  readonly pod?: OneOrMore<string> | undefined
  readonly container?: OneOrMore<string> | undefined
  readonly node?: OneOrMore<string> | undefined
  /** Name of the process, as the kernel has it. */
  readonly comm?: OneOrMore<string> | undefined
  /** Path of the executable. */
  readonly exe?: OneOrMore<string> | undefined
  /** Name of the container's image. */
  readonly image?: OneOrMore<string> | undefined
  /** `SIGSEGV`, `segv` or 11. */
  readonly signal?: OneOrMore<string | number> | undefined
  readonly uid?: OneOrMore<number> | undefined
  /** Without it all but `missing`; `any` for all. */
  readonly state?: OneOrMore<CoreState> | "any" | undefined
  /** Crash signature. */
  readonly signature?: OneOrMore<string> | undefined
  /** Crashed at or after: a date, RFC 3339, or a duration before now such as `90m` or `3d`. */
  readonly since?: Date | string | undefined
  /** Crashed before. */
  readonly until?: Date | string | undefined
  /** Text that stands anywhere in the summary. */
  readonly q?: string | undefined
}

/** What a list is asked for. */
export interface CoresQuery extends CoresFilter {
  /** By time of the crash unless said. */
  readonly sort?: "timestamp" | "size" | undefined
  /** Oldest (or smallest) first unless said. */
  readonly order?: "asc" | "desc" | undefined
  /** Cores on a page, 1 to 1000. Without it all. */
  readonly limit?: number | undefined
  /** Where the page before ended, as it said. */
  readonly continue?: string | undefined
  /** Just these keys; `all` adds the heavy ones and needs a limit of 100 or less. */
  readonly fields?: ReadonlyArray<string> | "all" | undefined
}

const paramsOf = (query: CoresQuery): Map<string, ReadonlyArray<string>> =>
  new Map(
    Object.entries(query)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, (Array.isArray(value) ? value : [value]).map(textOf)])
  )

const textOf = (value: unknown): string =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : String(value)

const nowMicros = Effect.map(Clock.currentTimeMillis, (millis) => millis * 1000)

/** A filter as sources take it; fails as a server would. */
export const toCoreFilter = (filter: CoresFilter): Effect.Effect<CoreFilter, InvalidQuery> =>
  Effect.flatMap(nowMicros, (now) => Effect.fromResult(decodeCoreFilter(paramsOf(filter), now)))

/** As {@link toCoreFilter}, with order, page and fields. What `continue` holds is between the server and itself. */
export const toCoreQuery = Effect.fnUntraced(
  function*({ continue: from, ...query }: CoresQuery): Effect.fn.Return<CoreQuery, InvalidQuery> {
    const decoded = yield* Effect.fromResult(decodeCoreQuery(paramsOf(query), yield* nowMicros))
    return from === undefined ? decoded : { ...decoded, continue: from }
  }
)
