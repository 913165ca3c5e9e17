/** The routes of an app: which methods a path allows, and the pattern under which its requests are counted. */
import { Api } from "@koredump/core"
import { HttpApi } from "effect/http-api"

/** Looks up routes by path. */
export interface Routes {
  /** The methods that a path allows, sorted. Empty for an unknown path. */
  readonly findMethods: (path: string) => ReadonlyArray<string>
  /** The pattern of a path, for example `/apiv1/cores/metadata/:id`. There are few patterns, whatever callers request. */
  readonly findPattern: (path: string) => string | undefined
}

/** Makes routes from patterns, in which `:name` matches any text without a slash. */
export const makeRoutes = (paths: ReadonlyArray<readonly [method: string, path: string]>): Routes => {
  // As the router does: case-insensitive, with or without a slash at the end, with repeated slashes.
  const routes = paths.map(([method, path]) => {
    const pattern = path.replace(/[.]/g, "\\.").replace(/\//g, "/+").replace(/:\w+/g, "[^/]+")
    return { method, path, pattern: new RegExp(`^${pattern}/*$`, "i") }
  })
  const findRoutes = (path: string) => routes.filter(({ pattern }) => pattern.test(path))
  return {
    findMethods: (path) => {
      const methods = new Set(findRoutes(path).map(({ method }) => method))
      if (methods.has("GET")) methods.add("HEAD")
      return [...methods].toSorted()
    },
    findPattern: (path) => findRoutes(path)[0]?.path
  }
}

const endpoints: Array<readonly [string, string]> = []
HttpApi.reflect(Api, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint }) => {
    endpoints.push([endpoint.method, endpoint.path])
  }
})

/** The routes of the REST API and its documentation. */
export const apiRoutes: Routes = makeRoutes([...endpoints, ["GET", "/openapi.json"], ["GET", "/docs"]])
