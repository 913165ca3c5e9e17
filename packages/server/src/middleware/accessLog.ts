import { Clock, Effect, Exit, Metric, Option } from "effect"
import { HttpServerRequest, type HttpServerResponse } from "effect/http"
import { getPath } from "../http/problemResponse.ts"
import { type AuditedRequest, writeAuditLog } from "./auditLog.ts"
import { getRequestId } from "./layerErrors.ts"
import { type AuditEntry, RequestInfo, type RequestInfoFields } from "./RequestInfo.ts"
import { apiRoutes } from "./routes.ts"

const requests = Metric.counter("koredump_http_requests_total", {
  description: "HTTP requests by route, method and status",
  incremental: true
})

const knownMethods = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"])

type Response = HttpServerResponse.HttpServerResponse

const getBodyLength = ({ body }: Response): number =>
  body._tag === "Uint8Array" || body._tag === "Stream" ? body.contentLength ?? 0 : 0

/** 499: the client disconnected. 500: the body failed, because errors before the body are responses. */
const getStatus = (exit: Exit.Exit<Response, unknown>, info: RequestInfoFields): number => {
  if (info.abortStatus !== undefined) return info.abortStatus
  if (Exit.isSuccess(exit)) return exit.value.status
  return Exit.hasInterrupts(exit) ? 499 : 500
}

/**
 * Logs each request after its response was sent, and writes the audit log. The log contains the path, never the query
 * or a token. Must be the outermost middleware.
 */
export const withAccessLog = <E, R>(
  app: Effect.Effect<Response, E, R>
): Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const path = getPath(request.url)
    const audits: Array<AuditEntry> = []
    const audited: AuditedRequest = {
      method: request.method,
      request_id: getRequestId(request),
      // Read now: a closed connection has no remote address.
      remote: Option.getOrUndefined(request.remoteAddress)
    }
    const info: RequestInfoFields = {
      id: audited.request_id,
      audit: (entry) => {
        audits.push(entry)
        return writeAuditLog(entry, audited)
      }
    }
    const started = yield* Clock.currentTimeMillis
    return yield* app.pipe(
      Effect.provideService(RequestInfo, info),
      // For log entries written while the body is sent.
      Effect.annotateLogs({ request_id: info.id }),
      Effect.onExit((exit) =>
        Effect.gen(function*() {
          const status = getStatus(exit, info)
          const method = knownMethods.has(request.method) ? request.method : "other"
          const route = apiRoutes.findPattern(path) ?? "unknown"
          yield* Metric.update(Metric.withAttributes(requests, { route, method, status: String(status) }), 1)
          const entry = {
            method: request.method,
            path,
            status,
            bytes: info.bytes ?? (Exit.isSuccess(exit) && request.method !== "HEAD" ? getBodyLength(exit.value) : 0),
            ms: (yield* Clock.currentTimeMillis) - started,
            request_id: info.id,
            ...(info.user === undefined ? {} : { user: info.user })
          }
          yield* Effect.logInfo("request").pipe(Effect.annotateLogs(entry))
          // The audit log counts bytes of the core, not of a problem response.
          const result = { status, bytes: info.bytes ?? (status < 400 ? entry.bytes : 0) }
          yield* Effect.forEach(audits, (audit) => writeAuditLog(audit, audited, result), { discard: true })
        })
      )
    )
  })
