/** The handlers of `GET /apiv1/cores/metadata/…` and `DELETE /apiv1/cores/delete/…`. */
import { CoreSource } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { readQuery, rejectParams } from "../http/query.ts"
import { addAudit } from "../middleware/RequestInfo.ts"
import { charge } from "./admit.ts"
import { parseCoreRef } from "./parseCoreRef.ts"

type Params = Parameters<typeof parseCoreRef>[0]

/**
 * Processor time for the metadata of a core with this many bytes of JSON, in milliseconds: to read, decode and encode it,
 * in journalctl, the node agent and the cluster server together.
 */
export const toMetadataMillis = (bytes: number): number => 2 + bytes / 15_000

/** Returns the metadata of a core. */
export const metadata = Effect.fnUntraced(function*(params: Params) {
  yield* rejectParams(yield* readQuery)
  const ref = yield* parseCoreRef(params)
  const core = yield* CoreSource.use((source) => source.get(ref))
  if (core.COREDUMP_ENVIRON !== undefined) yield* addAudit("read-environment", core)
  const body = new TextEncoder().encode(JSON.stringify(core))
  yield* charge(toMetadataMillis(body.length))
  return HttpServerResponse.uint8Array(body, {
    contentType: "application/json",
    headers: { "cache-control": "no-cache" }
  })
})

/** Deletes the stored file of a core. */
export const remove = Effect.fnUntraced(function*(params: Params) {
  yield* rejectParams(yield* readQuery)
  const ref = yield* parseCoreRef(params)
  yield* CoreSource.use((source) => source.remove(ref))
  return HttpServerResponse.jsonUnsafe({})
})
