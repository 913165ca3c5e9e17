/** The handlers of `GET /apiv1/cores/metadata/…` and `DELETE /apiv1/cores/delete/…`. */
import { CoreSource, encodeCore } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { readQuery, rejectParams } from "../http/query.ts"
import { addAudit } from "../middleware/RequestInfo.ts"
import { parseCoreRef } from "./parseCoreRef.ts"

type Params = Parameters<typeof parseCoreRef>[0]

/** Returns the metadata of a core. */
export const metadata = Effect.fnUntraced(function*(params: Params) {
  yield* rejectParams(yield* readQuery)
  const ref = yield* parseCoreRef(params)
  const core = yield* CoreSource.use((source) => source.get(ref))
  if (core.COREDUMP_ENVIRON !== undefined) yield* addAudit("read-environment", core)
  return HttpServerResponse.uint8Array(encodeCore(core), {
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
