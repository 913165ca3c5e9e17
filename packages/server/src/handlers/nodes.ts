import { CoreSource } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { readQuery, rejectParams } from "../http/query.ts"
import { serverVersion } from "../settings/version.ts"
import { CurrentAppOptions } from "./AppOptions.ts"

/** `GET /apiv1/nodes`: returns the status of each node. A server of one node adds its own version as that of the node. */
export const nodes = Effect.gen(function*() {
  yield* rejectParams(yield* readQuery)
  const statuses = yield* CoreSource.use((source) => source.nodes)
  const { node } = yield* CurrentAppOptions
  const version = node === undefined ? {} : { agentVersion: serverVersion }
  return HttpServerResponse.jsonUnsafe(statuses.map((status) => Object.assign({}, version, status)), {
    headers: { "cache-control": "no-cache", "koredump-version": serverVersion }
  })
})
