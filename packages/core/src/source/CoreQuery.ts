import { Effect, Option, Schema } from "effect"
import { isFieldName, isHeavyField } from "../model/Core.ts"
import type { InvalidQuery } from "../model/Problem.ts"
import { CoreFilter, filterParameters } from "./CoreFilter.ts"
import { decodeContinue, isContinue } from "./CorePosition.ts"
import {
  booleanParameter,
  decodeInteger,
  decodeOnce,
  groupParams,
  parameter,
  textParameter,
  toInvalidQuery
} from "./queryParameter.ts"

const maxLimit = 1000

/** Largest limit of a list with heavy fields: the server reads them from disk, core by core. */
const maxHeavyLimit = 100

const literalParameter = <const L extends string>(description: string, literals: ReadonlyArray<L>) => {
  const type = Schema.Literals(literals)
  const is = Schema.is(type)
  return parameter<L>({
    description,
    expected: literals.join(" or "),
    type: type as Schema.Codec<L>,
    decode: decodeOnce((value) => is(value) ? value : undefined)
  })
}

const decodeLimit = (text: string) => {
  const limit = decodeInteger(text)
  return limit !== undefined && limit >= 1 && limit <= maxLimit ? limit : undefined
}

const decodeFields = (values: ReadonlyArray<string>): ReadonlyArray<string> | "all" | undefined => {
  const names = values.flatMap((value) => value.split(",")).filter((name) => name !== "")
  return names.includes("all") ? "all" : names.every(isFieldName) ? names : undefined
}

const queryParameters = {
  ...filterParameters,
  sort: literalParameter("Sort key: timestamp or size. Default: timestamp.", ["timestamp", "size"]),
  order: literalParameter("Sort order: asc or desc. Default: asc.", ["asc", "desc"]),
  limit: parameter({
    description: `Number of cores per page, 1 to ${maxLimit}. Default: all cores in one page.`,
    expected: `a number from 1 to ${maxLimit}`,
    type: Schema.Int,
    decode: decodeOnce(decodeLimit)
  }),
  continue: parameter({
    description: "Start of the page, from the Link header of the previous page.",
    expected: "the value from the Link header of the previous page, with the same sort and order",
    type: Schema.String,
    decode: decodeOnce((value) => isContinue(value) ? value : undefined)
  }),
  fields: parameter<ReadonlyArray<string> | "all">({
    description: "Names of the fields to return, separated by commas. " +
      `all also returns the heavy fields. Heavy fields need a limit of ${maxHeavyLimit} or less.`,
    expected: "field names separated by commas, or all",
    type: Schema.Union([Schema.Array(Schema.String), Schema.Literal("all")]),
    decode: decodeFields,
    encode: (fields) => typeof fields === "string" ? fields : fields.join(",")
  })
}

const Fields = Schema.Struct(queryParameters)

/**
 * A query for cores: a {@link CoreFilter}, an order, a page, and the fields to return. Defaults: ascending by timestamp,
 * all cores in one page, all fields except the heavy ones.
 */
export interface CoreQuery extends Schema.Struct.Type<typeof queryParameters> {}

/** Whether the query selects fields that are not part of a core summary. */
export const needsHeavyFields = ({ fields }: CoreQuery): boolean =>
  fields === "all" || (fields !== undefined && fields.some(isHeavyField))

/** The checks that concern several parameters of a query. */
const checkQuery = Schema.makeFilter<CoreQuery>((query) =>
  needsHeavyFields(query) && !(query.limit !== undefined && query.limit <= maxHeavyLimit)
    ? { path: ["fields"], issue: `needs a limit of ${maxHeavyLimit} or less for heavy fields` }
    : query.continue !== undefined && Option.isNone(decodeContinue(query, query.continue))
    ? { path: ["continue"], issue: "belongs to a list with another sort or order" }
    : undefined
)

/** The query parameters of a list. */
export const CoreQuery = Fields.pipe(Schema.check(checkQuery))

/** The query parameters of `GET /apiv1/cores`. */
export const ListParameters = Schema.Struct({
  ...queryParameters,
  strict: booleanParameter(
    "true: fail with 502 if a node is missing from the list, instead of returning a partial list."
  )
}).pipe(Schema.check(checkQuery))

/** The query parameters of `GET /apiv1/watch`. */
export const WatchParameters = Schema.Struct({
  ...filterParameters,
  resourceVersion: textParameter(
    "Resource version of a list or of the last received event. The watch continues from there."
  )
})

/** Parse options for queries: unknown parameters are errors. */
export const queryParseOptions = { onExcessProperty: "error" } as const

type Params = Iterable<readonly [name: string, value: string]>

const decodeParams = <A>(schema: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownEffect(schema, queryParseOptions)
  return (params: Params): Effect.Effect<A, InvalidQuery> =>
    Effect.mapError(decode(Object.fromEntries(groupParams(params))), toInvalidQuery)
}

/**
 * Decodes a filter from URL parameters. Durations count back from now. Empty values mean "no condition". Fails at the
 * first parameter that is unknown or invalid.
 */
export const decodeCoreFilter: (params: Params) => Effect.Effect<CoreFilter, InvalidQuery> = decodeParams(CoreFilter)

/** Decodes a query from URL parameters, see {@link decodeCoreFilter}. */
export const decodeCoreQuery: (params: Params) => Effect.Effect<CoreQuery, InvalidQuery> = decodeParams(CoreQuery)

const encodeFields = Schema.encodeSync(Fields)

/** Encodes a query as URL parameters: the inverse of {@link decodeCoreQuery}. */
export const encodeCoreQuery = (query: CoreQuery): URLSearchParams => {
  const params = new URLSearchParams()
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as CoreQuery
  for (const [name, values] of Object.entries(encodeFields(given))) {
    for (const value of [values].flat()) params.append(name, value)
  }
  return params
}
