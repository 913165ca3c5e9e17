import {
  type CoreMetadata,
  type CoreQuery,
  CoreSource,
  type CoreSummary,
  type CurrentPrincipal,
  encodeCore,
  type ListParameters,
  needsHeavyFields,
  PartialList,
  type Problem
} from "@koredump/core"
import { Effect, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Admission } from "../admission/Admission.ts"
import { getPath } from "../http/problemResponse.ts"
import { streamJsonArray } from "../http/streamJsonArray.ts"
import { addAudit, addBytes } from "../middleware/RequestInfo.ts"
import { charge, chargeAndPause } from "./admit.ts"
import { toMetadataMillis } from "./core.ts"
import { sendJsonArray } from "./sendJsonArray.ts"

const encoder = new TextEncoder()

/** Processor time to send a byte that is already encoded, in milliseconds, measured with `bench/`. */
const sendMillisPerByte = 2e-6

const encodeFields = (core: CoreMetadata, fields: NonNullable<CoreQuery["fields"]>): Uint8Array =>
  encoder.encode(JSON.stringify(
    fields === "all"
      ? core
      : Object.fromEntries(fields.filter((name) => name in core).map((name) => [name, core[name]]))
  ))

/** Cores that are encoded at a time: the rest follows when the client has received them. */
const chunkSize = 64

/** Cores whose heavy fields are loaded at a time. */
const heavyConcurrency = 2

/** The cores with their heavy fields where they are readable. Omits cores that were removed in the meantime. */
const loadHeavyFields = (source: CoreSource["Service"], cores: ReadonlyArray<CoreSummary>) =>
  Stream.fromIterable(cores, { chunkSize: 1 }).pipe(
    Stream.mapEffect(
      (core) =>
        source.get(core).pipe(
          Effect.catch((problem) => Effect.succeed(problem._tag === "CoreNotFound" ? undefined : core as CoreMetadata))
        ),
      { concurrency: heavyConcurrency }
    ),
    Stream.filter((core) => core !== undefined)
  )

/** The requested fields of the cores. They are loaded and encoded only as fast as the client receives them. */
const encodeSelected = Effect.fnUntraced(function*(
  cores: ReadonlyArray<CoreSummary>,
  query: CoreQuery,
  fields: NonNullable<CoreQuery["fields"]>
) {
  const source = yield* CoreSource
  const context = yield* Effect.context<Admission | CurrentPrincipal>()
  if (!needsHeavyFields(query)) {
    return Stream.map(Stream.fromIterable(cores, { chunkSize }), (core) => encodeFields(core, fields))
  }
  const hasEnvironment = fields === "all" || fields.includes("COREDUMP_ENVIRON")
  return loadHeavyFields(source, cores).pipe(
    Stream.tap((core) =>
      hasEnvironment && "COREDUMP_ENVIRON" in core ? addAudit("read-environment", core) : Effect.void
    ),
    Stream.map((core) => encodeFields(core, fields)),
    Stream.tap((bytes) => chargeAndPause(toMetadataMillis(bytes.length))),
    Stream.provideContext(context)
  )
})

/** The link to the next page. Its path is fixed: a requested path of `//host/…` would be a link to another server. */
const formatNextLink = (url: string, next: string) => {
  const params = new URLSearchParams(url.slice(getPath(url).length))
  params.set("continue", next)
  return `</apiv1/cores?${params}>; rel="next"`
}

/** Clients and proxies limit headers, some to 4 KiB in total. */
const maxNamesLength = 2048

/** Joins the names of nodes, as many as fit. */
const joinNames = (nodes: ReadonlyArray<string>): string => {
  const names = nodes.join(", ")
  return names.length <= maxNamesLength ? names : names.slice(0, names.lastIndexOf(", ", maxNamesLength))
}

/** `GET /apiv1/cores`: returns an array of cores. */
export const list = Effect.fnUntraced(
  function*({ strict = false, ...query }: typeof ListParameters.Type): Effect.fn.Return<
    HttpServerResponse.HttpServerResponse,
    Problem,
    Admission | CoreSource | CurrentPrincipal | HttpServerRequest.HttpServerRequest
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const source = yield* CoreSource
    const startedAt = performance.now()
    const result = yield* source.list(query)
    const { unreachable } = result
    if (strict && unreachable.length > 0) {
      return yield* new PartialList({
        nodes: unreachable,
        detail: `${unreachable.length} unreachable ${unreachable.length === 1 ? "node" : "nodes"}: ${
          joinNames(unreachable)
        }.`
      })
    }
    const headers = {
      "cache-control": "no-cache",
      "koredump-resource-version": result.resourceVersion,
      ...(unreachable.length === 0 ? {} : { "koredump-unreachable": joinNames(unreachable) }),
      ...(result.continue === undefined ? {} : { link: formatNextLink(request.url, result.continue) })
    }
    const { fields } = query
    if (fields === undefined) {
      const items = result.cores.map(encodeCore)
      const bytes = items.reduce((sum, item) => sum + item.length, 0)
      yield* charge(performance.now() - startedAt + bytes * sendMillisPerByte)
      return yield* sendJsonArray(items, headers)
    }
    const response = HttpServerResponse.stream(
      Stream.tap(
        streamJsonArray(yield* encodeSelected(result.cores, query, fields)),
        (chunk) => addBytes(chunk.length)
      ),
      { contentType: "application/json", headers }
    )
    yield* charge(performance.now() - startedAt)
    return response
  }
)
