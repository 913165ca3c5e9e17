/** One line for each request, when its answer has been sent, and one for each core that it had to do with. */
import { Clock, Effect, Exit, Metric, Option } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { auditLog } from "./auditLog.ts"
import { requestInfo } from "./errors.ts"
import { pathOf } from "./problemResponse.ts"
import { RequestInfo } from "./RequestInfo.ts"
import { apiRoutes } from "./routes.ts"

const requests = Metric.counter("koredump_http_requests_total", {
  description: "Requests answered, by route, method and status",
  incremental: true
})

const knownMethods = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"])

const bodyLength = (response: HttpServerResponse.HttpServerResponse): number =>
  response.body._tag === "Uint8Array" || response.body._tag === "Stream" ? response.body.contentLength ?? 0 : 0

/**
 * For the outermost place around the app. The line has the path, never the query or a token: method, status, bytes of
 * the body, milliseconds, request id, and the user where known.
 */
export const accessLog = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const path = pathOf(request.url)
    const info = requestInfo(request)
    // Now: a connection that is gone has none.
    const remote = Option.getOrUndefined(request.remoteAddress)
    const started = yield* Clock.currentTimeMillis
    return yield* app.pipe(
      Effect.provideService(RequestInfo, info),
      // The body, too, may have something to log.
      Effect.annotateLogs({ request_id: info.id }),
      Effect.onExit((exit) =>
        Effect.gen(function*() {
          // The answer had begun, else it would be an error: it was interrupted (499: the client went), or failed.
          const status = info.brokenOff !== undefined
            ? info.brokenOff
            : Exit.isSuccess(exit)
            ? exit.value.status
            : Exit.hasInterrupts(exit)
            ? 499
            : 500
          const method = knownMethods.has(request.method) ? request.method : "other"
          const route = apiRoutes.nameOf(path) ?? "unknown"
          yield* Metric.update(Metric.withAttributes(requests, { route, method, status: String(status) }), 1)
          const line = {
            method: request.method,
            path,
            status,
            bytes: info.bytes ?? (Exit.isSuccess(exit) && request.method !== "HEAD" ? bodyLength(exit.value) : 0),
            ms: (yield* Clock.currentTimeMillis) - started,
            request_id: info.id,
            ...(info.user === undefined ? {} : { user: info.user })
          }
          yield* Effect.logInfo("request").pipe(Effect.annotateLogs(line))
          const audited = {
            ...line,
            // Those of the core: a problem's are none of them.
            bytes: info.bytes ?? (status < 400 ? line.bytes : 0),
            remote
          }
          yield* Effect.forEach(info.audits, (entry) => auditLog(entry, audited), { discard: true })
        })
      )
    )
  })
