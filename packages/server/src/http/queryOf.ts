/** The query of the request at hand. */
import { BadRequest, groupParams, InvalidQuery } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerRequest } from "effect/http"
import { pathOf } from "./problemResponse.ts"

/** More than any sensible query has. */
const maxQueryLength = 16_384

/** All parameters of the query, each with all its values, as they stand in the URL. */
export const queryOf = Effect.gen(function*() {
  const { url } = yield* HttpServerRequest.HttpServerRequest
  const query = url.slice(pathOf(url).length + 1)
  if (query.length > maxQueryLength) return yield* new BadRequest({ detail: "The query is too long." })
  return groupParams(new URLSearchParams(query))
})

/** Takes a parameter of true or false out of the query; the rest is the second part of the answer. */
export const takeFlag = Effect.fnUntraced(function*(
  params: ReadonlyMap<string, ReadonlyArray<string>>,
  name: string
): Effect.fn.Return<readonly [boolean, ReadonlyMap<string, ReadonlyArray<string>>], InvalidQuery> {
  const rest = new Map(params)
  rest.delete(name)
  const values = (params.get(name) ?? []).filter((value) => value !== "")
  if (values.every((value) => value === "false")) return [false, rest]
  if (values.every((value) => value === "true")) return [true, rest]
  return yield* new InvalidQuery({ parameter: name, detail: `Parameter ${name} must be true or false.` })
})

/** Fails unless the query is empty. */
export const refuseParams = (
  params: ReadonlyMap<string, ReadonlyArray<string>>
): Effect.Effect<void, InvalidQuery> => {
  const [name] = params.keys()
  return name === undefined
    ? Effect.void
    : Effect.fail(new InvalidQuery({ parameter: name, detail: `There is no parameter ${JSON.stringify(name)} here.` }))
}
