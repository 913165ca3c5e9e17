/** All requests that an attacker can send, derived from the OpenAPI document of the running server. */
import { expensive } from "./host.ts"
import type { Target } from "./servers.ts"

/** A request of an attack. */
export interface Route {
  /** Method and path as in the document, and what is special about the request. */
  readonly name: string
  /** Whether the route is on the port of probes and metrics. */
  readonly isOps: boolean
  readonly method: string
  readonly path: string
}

interface Operation {
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string }>
}

/** Queries that make the answer of a route as expensive as possible, by the parameters that the route has. */
const makeQueries = (names: ReadonlyArray<string>, version: string): ReadonlyArray<string> => [
  "",
  ...names.includes("decompress") ? ["decompress=true"] : [],
  ...names.includes("fields") ? ["fields=all&limit=100"] : [],
  ...names.includes("sort") ? ["sort=size&order=desc&state=any"] : [],
  ...names.includes("resourceVersion") ? [`resourceVersion=${version}`, "state=any"] : []
]

/** The cores to request from a route. */
const getIds = (path: string, query: string): ReadonlyArray<string> => {
  if (!path.includes("{id}")) return [""]
  if (path.includes("/metadata/")) return [expensive.heavy, expensive.huge]
  return query === "decompress=true" ? [expensive.zstd, expensive.lz4] : [expensive.giant]
}

const names: ReadonlyMap<string, string> = new Map(Object.entries(expensive).map(([name, id]) => [id, name]))

/** Routes without a place in the document. */
const otherRoutes: ReadonlyArray<Route> = ["/docs", "/openapi.json", "/no-such-route", "/livez", "/readyz", "/metrics"]
  .map(
    (path, n) => ({ name: `GET ${path}`, isOps: n >= 3, method: "GET", path })
  )

const fill = (path: string, node: string, id: string): string => {
  const filled = path.replace("{node}", encodeURIComponent(node)).replace("{id}", encodeURIComponent(id))
  if (filled.includes("{")) throw new Error(`${path} has a new parameter. Fill it in e2e/soak/support/routes.ts`)
  return filled
}

/** The routes of a server. `node` is a node whose cores it has. */
export const getRoutes = async (target: Target, node: string): Promise<ReadonlyArray<Route>> => {
  const document = await (await fetch(`${target.url}/openapi.json`)).json() as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }
  const listed = await fetch(`${target.url}/apiv1/cores?limit=1`, {
    headers: { authorization: `Bearer ${target.token}` }
  })
  await listed.bytes()
  const version = listed.headers.get("koredump-resource-version") ?? ""
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([verb, { parameters = [] }]) =>
      makeQueries(parameters.map(({ name }) => name), version).flatMap((query) =>
        getIds(path, query).map((id): Route => {
          const method = verb.toUpperCase()
          const special = [query.replace(version, "VERSION"), names.get(id) ?? ""]
          return {
            name: [method, path, ...special].filter(Boolean).join(" "),
            isOps: false,
            method,
            path: `${fill(path, node, id)}${query === "" ? "" : `?${query}`}`
          }
        })
      )
    )
  )
  return [...routes, ...otherRoutes]
}
