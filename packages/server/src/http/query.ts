/** The query of the current request. */
import { BadRequest, groupParams, InvalidQuery, toSingleLine } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { getPath } from "./problemResponse.ts"

/** Query parameters, each with all its values. */
type Params = ReadonlyMap<string, ReadonlyArray<string>>

const maxQueryLength = 16_384

/** Reads the parameters of the query. Fails if it is too long. */
export const readQuery = Effect.gen(function*() {
  const { url } = yield* HttpServerRequest.HttpServerRequest
  const query = url.slice(getPath(url).length + 1)
  if (query.length > maxQueryLength) {
    return yield* new BadRequest({ detail: `The query is too long (limit: ${maxQueryLength} characters).` })
  }
  return groupParams(new URLSearchParams(query))
})

/** Splits a parameter with the value `true` or `false` (the default) from the others. */
export const splitFlag = Effect.fnUntraced(function*(
  params: Params,
  name: string
): Effect.fn.Return<readonly [flag: boolean, rest: Params], InvalidQuery> {
  const rest = new Map(params)
  rest.delete(name)
  const values = (params.get(name) ?? []).filter((value) => value !== "")
  if (values.every((value) => value === "false")) return [false, rest]
  if (values.every((value) => value === "true")) return [true, rest]
  return yield* new InvalidQuery({ parameter: name, detail: `Parameter ${name} must be true or false.` })
})

/** Fails if there is a parameter. */
export const rejectParams = (params: Params): Effect.Effect<void, InvalidQuery> => {
  const [name] = params.keys()
  return name === undefined
    ? Effect.void
    : Effect.fail(new InvalidQuery({ parameter: name, detail: `Parameter ${toSingleLine(name)} is unknown.` }))
}
