/** What is done with one core: `GET /apiv1/cores/metadata/…`, `DELETE /apiv1/cores/delete/…`. */
import { CoreSource, encodeCore } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { queryOf, refuseParams } from "../http/queryOf.ts"
import { addAudit } from "../http/RequestInfo.ts"
import { coreRef } from "./coreRef.ts"

type Params = Parameters<typeof coreRef>[0]

/** Everything known of one core. */
export const metadata = Effect.fnUntraced(function*(params: Params) {
  yield* refuseParams(yield* queryOf)
  const ref = yield* coreRef(params)
  const core = yield* CoreSource.use((source) => source.get(ref))
  if (core.COREDUMP_ENVIRON !== undefined) yield* addAudit("read-environment", core)
  return HttpServerResponse.uint8Array(encodeCore(core), {
    contentType: "application/json",
    headers: { "cache-control": "no-cache" }
  })
})

/** Deletes a stored core. */
export const remove = Effect.fnUntraced(function*(params: Params) {
  yield* refuseParams(yield* queryOf)
  const ref = yield* coreRef(params)
  yield* CoreSource.use((source) => source.remove(ref))
  return HttpServerResponse.jsonUnsafe({})
})
