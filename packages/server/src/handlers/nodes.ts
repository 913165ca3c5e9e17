import { CoreSource, type NodeStatus } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { readQuery, rejectParams } from "../http/query.ts"
import { ResourceUsage } from "../middleware/ResourceUsage.ts"
import { serverVersion } from "../settings/version.ts"
import { CurrentAppOptions } from "./AppOptions.ts"

/** Adds the version and the warnings of a server of one node to the status of its node. */
const addServer = (status: NodeStatus, warnings: ReadonlyArray<string>): NodeStatus => ({
  agentVersion: serverVersion,
  ...status,
  ...(warnings.length === 0 ? {} : { warnings: [...status.warnings ?? [], ...warnings] })
})

/** `GET /apiv1/nodes`: returns the status of each node. */
export const nodes = Effect.gen(function*() {
  yield* rejectParams(yield* readQuery)
  const statuses = yield* CoreSource.use((source) => source.nodes)
  const { node } = yield* CurrentAppOptions
  const warnings = yield* (yield* ResourceUsage).warnings
  return HttpServerResponse.jsonUnsafe(
    node === undefined ? statuses : statuses.map((status) => addServer(status, warnings)),
    { headers: { "cache-control": "no-cache", "koredump-version": serverVersion } }
  )
})
