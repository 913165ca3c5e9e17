import { Effect, Option } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { getPath, toProblemResponse } from "../http/problemResponse.ts"
import { apiRoutes } from "../middleware/routes.ts"
import { Admission } from "./Admission.ts"
import { type RequestKind, routeKinds } from "./requestKinds.ts"

/** The routes without authentication. Requests to other routes are admitted when their caller is known. */
const anonymousRoutes = ["GET /health", "GET /openapi.json", "GET /docs"] as const

const kindsByPattern: ReadonlyMap<string, RequestKind> = new Map(
  anonymousRoutes.map((route) => [route.replace("GET ", ""), routeKinds[route]])
)

/** Admits requests to the routes without authentication, by the address of the caller. */
export const layerAdmitAnonymous = HttpRouter.use(Effect.fnUntraced(function*(router) {
  const admission = yield* Admission
  yield* router.addGlobalMiddleware((handler) =>
    Effect.gen(function*() {
      const { remoteAddress, url } = yield* HttpServerRequest.HttpServerRequest
      const kind = kindsByPattern.get(apiRoutes.findPattern(getPath(url)) ?? "")
      if (kind === undefined) return yield* handler
      const address = Option.getOrElse(remoteAddress, () => "unknown")
      return yield* admission.admit(kind, `address ${address}`).pipe(
        Effect.matchEffect({ onFailure: toProblemResponse, onSuccess: () => handler })
      )
    })
  )
}))
