/** Paths of the REST API. */
import { Api, CoreNotFound, type CoreRef } from "@koredump/core"
import { Effect } from "effect"
import { HttpApiClient } from "effect/http-api"

/** Functions that return the path of each endpoint. */
export const urls = HttpApiClient.urlBuilder(Api)

/** Appends a query string. */
export const withQuery = (path: string, params: URLSearchParams): string =>
  params.size === 0 ? path : `${path}?${params}`

/** The path of a core. Fails if no path can contain the node's name (`..`): such a core does not exist. */
export const corePath = (
  { id, node }: CoreRef,
  path: (params: CoreRef) => string
): Effect.Effect<string, CoreNotFound> =>
  Effect.try({ try: () => path({ id, node }), catch: () => new CoreNotFound({ id, node }) })
