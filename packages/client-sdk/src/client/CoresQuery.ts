/** Queries of the client: filters with the values that people write, and their conversion. */
import { type CoreFilter, type CoreQuery, decodeCoreFilter, decodeCoreQuery, type InvalidQuery } from "@koredump/core"
import { Effect } from "effect"

/** A value as people write it: a time as date or text, one value or several, numbers as text too. */
type Written<A> = A extends ReadonlyArray<infer Value> ? WrittenValue<Value> | ReadonlyArray<WrittenValue<Value>>
  : A extends number ? Date | string
  : A
type WrittenValue<A> = A extends number ? number | string : A

/**
 * Which cores to return: the conditions of a `CoreFilter`. A core must meet all conditions. It meets a condition with
 * several values if it has one of them. Without `state`, cores in state `missing` are left out.
 *
 * - `signal`: `SIGSEGV`, `segv` or 11
 * - `since`, `until`: a date, an RFC 3339 time, or a duration before now such as `90m` or `3d`
 * - `state`: one or more states, or `any`
 * - `q`: text in any field of the summary
 */
export type CoresFilter = { readonly [Name in keyof CoreFilter]?: Written<CoreFilter[Name]> | undefined }

/** A query for a list of cores. */
export interface CoresQuery extends CoresFilter {
  /** Default: `timestamp` */
  readonly sort?: "timestamp" | "size" | undefined
  /** Default: `asc`, the oldest or smallest core first */
  readonly order?: "asc" | "desc" | undefined
  /** Cores per page, 1 to 1000. Default: all cores in one page. */
  readonly limit?: number | undefined
  /** The start of the page: `continue` of the previous page. */
  readonly continue?: string | undefined
  /** Names of the fields to return. `all` also returns the heavy fields and needs a limit of 100 or less. */
  readonly fields?: ReadonlyArray<string> | "all" | undefined
}

const toText = (value: unknown): string =>
  value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : String(value)

const toParams = (query: CoresQuery): ReadonlyArray<readonly [string, string]> =>
  Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((value: unknown) => [name, toText(value)] as const))

/** Converts a filter. Fails with the same problem as a server. */
export const toCoreFilter = (filter: CoresFilter): Effect.Effect<CoreFilter, InvalidQuery> =>
  Effect.suspend(() => decodeCoreFilter(toParams(filter)))

/** Converts a query, see {@link toCoreFilter}. `continue` is not checked: its format depends on the server. */
export const toCoreQuery = ({ continue: start, ...query }: CoresQuery): Effect.Effect<CoreQuery, InvalidQuery> =>
  Effect.suspend(() =>
    Effect.map(
      decodeCoreQuery(toParams(query)),
      (decoded) => start === undefined ? decoded : { ...decoded, continue: start }
    )
  )
