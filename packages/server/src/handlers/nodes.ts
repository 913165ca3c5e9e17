/** `GET /apiv1/nodes`. */
import { CoreSource } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { CurrentAppOptions } from "../AppOptions.ts"
import { queryOf, refuseParams } from "../http/queryOf.ts"
import { serverVersion } from "../version.ts"

/** How things stand with each node; the one of a server of one node runs this very version. */
export const nodes = Effect.gen(function*() {
  yield* refuseParams(yield* queryOf)
  const found = yield* CoreSource.use((source) => source.nodes)
  const { node } = yield* CurrentAppOptions
  const known = node === undefined ? {} : { agentVersion: serverVersion }
  return HttpServerResponse.jsonUnsafe(found.map((status) => Object.assign({}, known, status)), {
    headers: { "cache-control": "no-cache", "koredump-version": serverVersion }
  })
})
