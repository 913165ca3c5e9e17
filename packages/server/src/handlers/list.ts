/** `GET /apiv1/cores`. */
import {
  type CoreList,
  type CoreMetadata,
  type CoreQuery,
  CoreSource,
  type CoreSummary,
  type CurrentPrincipal,
  encodeCore,
  type ListQuery,
  needsHeavyFields,
  PartialList,
  type Problem
} from "@koredump/core"
import { Effect } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { jsonArray } from "../http/jsonArray.ts"
import { pathOf } from "../http/problemResponse.ts"
import { addAudit } from "../http/RequestInfo.ts"

const pick = (core: CoreMetadata, names: ReadonlyArray<string>) =>
  new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(names.filter((name) => name in core).map((name) => [name, core[name]])))
  )

/** The cores, heavy fields included as far as they can be had; what goes meanwhile is left out. */
const withHeavyFields = (cores: ReadonlyArray<CoreSummary>) =>
  Effect.gen(function*() {
    const source = yield* CoreSource
    const found = yield* Effect.forEach(
      cores,
      (core) =>
        source.get(core).pipe(
          Effect.catch((problem) => problem._tag === "CoreNotFound" ? Effect.void : Effect.succeed<CoreMetadata>(core))
        ),
      { concurrency: 4 }
    )
    return found.filter((core) => core !== undefined)
  })

const encodeCores = Effect.fnUntraced(function*({ cores }: CoreList, query: CoreQuery) {
  const shown = needsHeavyFields(query) ? yield* withHeavyFields(cores) : cores
  const { fields } = query
  if (fields === undefined) return cores.map(encodeCore)
  if (fields === "all" || fields.includes("COREDUMP_ENVIRON")) {
    for (const core of shown) if ("COREDUMP_ENVIRON" in core) yield* addAudit("read-environment", core)
  }
  return shown.map((core) => fields === "all" ? encodeCore(core) : pick(core, fields))
})

/** The same request for the page after. Its path is not taken from the request: `//host/…` would be another server. */
const nextPage = (url: string, next: string) => {
  const params = new URLSearchParams(url.slice(pathOf(url).length))
  params.set("continue", next)
  return `</apiv1/cores?${params}>; rel="next"`
}

/** Clients and proxies bound headers (some at 4 KiB in all), and of thousands of nodes many may be away at once. */
const maxNames = 2048

/** The names, or as many of them as there is room for. */
const namesOf = (nodes: ReadonlyArray<string>): string => {
  const names = nodes.join(", ")
  return names.length <= maxNames ? names : names.slice(0, names.lastIndexOf(", ", maxNames))
}

/** Answers with an array, the newest core last. */
export const list = Effect.fnUntraced(function*({ strict = false, ...query }: typeof ListQuery.Type): Effect.fn.Return<
  HttpServerResponse.HttpServerResponse,
  Problem,
  CoreSource | CurrentPrincipal | HttpServerRequest.HttpServerRequest
> {
  const request = yield* HttpServerRequest.HttpServerRequest
  const source = yield* CoreSource
  const answer = yield* source.list(query)
  if (strict && answer.unreachable.length > 0) {
    return yield* new PartialList({
      nodes: answer.unreachable,
      detail: `${answer.unreachable.length} not reached: ${namesOf(answer.unreachable)}.`
    })
  }
  return jsonArray(yield* encodeCores(answer, query), {
    "cache-control": "no-cache",
    "koredump-resource-version": answer.resourceVersion,
    ...(answer.unreachable.length === 0 ? {} : { "koredump-unreachable": namesOf(answer.unreachable) }),
    ...(answer.continue === undefined ? {} : { link: nextPage(request.url, answer.continue) })
  })
})
