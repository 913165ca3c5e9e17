import {
  type CoreList,
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
import { Effect } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { toJsonArrayResponse } from "../http/jsonArray.ts"
import { getPath } from "../http/problemResponse.ts"
import { addAudit } from "../middleware/RequestInfo.ts"

const encodeFields = (core: CoreMetadata, names: ReadonlyArray<string>) =>
  new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(names.filter((name) => name in core).map((name) => [name, core[name]])))
  )

/** Adds the heavy fields where they are readable. Omits cores that were removed in the meantime. */
const loadHeavyFields = (cores: ReadonlyArray<CoreSummary>) =>
  Effect.gen(function*() {
    const source = yield* CoreSource
    const loaded = yield* Effect.forEach(
      cores,
      (core) =>
        source.get(core).pipe(
          Effect.catch((problem) => problem._tag === "CoreNotFound" ? Effect.void : Effect.succeed<CoreMetadata>(core))
        ),
      { concurrency: 4 }
    )
    return loaded.filter((core) => core !== undefined)
  })

const encodeCores = Effect.fnUntraced(function*({ cores }: CoreList, query: CoreQuery) {
  const loaded = needsHeavyFields(query) ? yield* loadHeavyFields(cores) : cores
  const { fields } = query
  if (fields === undefined) return cores.map(encodeCore)
  if (fields === "all" || fields.includes("COREDUMP_ENVIRON")) {
    for (const core of loaded) if ("COREDUMP_ENVIRON" in core) yield* addAudit("read-environment", core)
  }
  return loaded.map((core) => fields === "all" ? encodeCore(core) : encodeFields(core, fields))
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
    CoreSource | CurrentPrincipal | HttpServerRequest.HttpServerRequest
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const source = yield* CoreSource
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
    return toJsonArrayResponse(yield* encodeCores(result, query), {
      "cache-control": "no-cache",
      "koredump-resource-version": result.resourceVersion,
      ...(unreachable.length === 0 ? {} : { "koredump-unreachable": joinNames(unreachable) }),
      ...(result.continue === undefined ? {} : { link: formatNextLink(request.url, result.continue) })
    })
  }
)
