/** Routes as patterns of paths: which methods a path has, and under which name its requests are counted. */
import { Api } from "@koredump/core"
import { HttpApi } from "effect/http-api"

/** The routes of an app. */
export interface Routes {
  /** The methods that a path has; none where there is no such path. */
  readonly methodsOf: (path: string) => ReadonlyArray<string>
  /** The route of a path (`/apiv1/cores/metadata/:id`): few, whatever is asked for. */
  readonly nameOf: (path: string) => string | undefined
}

/** Routes by their paths, in which `:name` stands for any text without a slash. */
export const makeRoutes = (paths: ReadonlyArray<readonly [method: string, path: string]>): Routes => {
  // As the router takes them: upper and lower case alike, with or without a slash at the end, slashes doubled.
  const routes = paths.map(([method, path]) => {
    const pattern = path.replace(/[.]/g, "\\.").replace(/\//g, "/+").replace(/:\w+/g, "[^/]+")
    return { method, path, pattern: new RegExp(`^${pattern}/*$`, "i") }
  })
  const matching = (path: string) => routes.filter(({ pattern }) => pattern.test(path))
  return {
    methodsOf: (path) => {
      const methods = new Set(matching(path).map(({ method }) => method))
      if (methods.has("GET")) methods.add("HEAD")
      return [...methods].toSorted()
    },
    nameOf: (path) => matching(path)[0]?.path
  }
}

const endpoints: Array<readonly [string, string]> = []
HttpApi.reflect(Api, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint }) => {
    endpoints.push([endpoint.method, endpoint.path])
  }
})

/** The routes of the REST API and of its documents. */
export const apiRoutes: Routes = makeRoutes([...endpoints, ["GET", "/openapi.json"], ["GET", "/docs"]])
