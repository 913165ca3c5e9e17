/** `GET /apiv1/watch`. */
import {
  type CoreEvent,
  CoreSource,
  encodeCore,
  NotAcceptable,
  type Problem,
  problemToJson,
  type WatchQuery
} from "@koredump/core"
import { Effect, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Admission } from "../Admission.ts"
import { parseAccept, qualityOf } from "../http/accept.ts"
import { joinBytes } from "../http/joinBytes.ts"
import { peekStream } from "../http/peekStream.ts"
import { addBytes } from "../http/RequestInfo.ts"

const encoder = new TextEncoder()

/** How events are written: what stands before and after the JSON of an object. */
interface Format {
  readonly contentType: string
  readonly before: (type: string, version: string | undefined) => Uint8Array
  readonly after: Uint8Array
}

const ndjson: Format = {
  contentType: "application/x-ndjson",
  before: (type) => encoder.encode(`{"type":"${type}","object":`),
  after: encoder.encode("}\n")
}

const serverSentEvents: Format = {
  contentType: "text/event-stream",
  before: (type, version) =>
    encoder.encode(`${version === undefined ? "" : `id: ${version}\n`}data: {"type":"${type}","object":`),
  after: encoder.encode("}\n\n")
}

/** The format that the client wants most; that of lines if it does not say. */
const negotiate = (accept: string | undefined): Format | undefined => {
  const accepted = parseAccept(accept)
  const events = qualityOf(accepted, "text/event-stream")
  const lines = Math.max(qualityOf(accepted, "application/x-ndjson"), accepted.get("application/json") ?? 0)
  if (events > lines || (events > 0 && events === lines && accepted.has("text/event-stream"))) return serverSentEvents
  return lines > 0 ? ndjson : undefined
}

/**
 * Writes events. While the present cores are told, in the order of their times, the version of one says nothing of those
 * that are still to come: up to the BOOKMARK behind them there is no id that a client could go on from.
 */
const makeEncodeEvent = (format: Format, resumed: boolean) => {
  let resumable = resumed
  return ({ object, type }: CoreEvent): ReadonlyArray<Uint8Array> => {
    resumable ||= type === "BOOKMARK"
    return [
      format.before(type, resumable ? object.resourceVersion : undefined),
      type === "BOOKMARK" ? encoder.encode(JSON.stringify(object)) : encodeCore(object),
      format.after
    ]
  }
}

const encodeProblem = (format: Format) => (problem: Problem): Uint8Array =>
  joinBytes([format.before("ERROR", undefined), encoder.encode(JSON.stringify(problemToJson(problem))), format.after])

/** Streams events for as long as the client stays. What fails before the first event has a status of its own. */
export const watch = Effect.fnUntraced(
  function*({ resourceVersion, ...filter }: typeof WatchQuery.Type): Effect.fn.Return<
    HttpServerResponse.HttpServerResponse,
    Problem,
    Admission | CoreSource | HttpServerRequest.HttpServerRequest | Scope.Scope
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const source = yield* CoreSource
    const admission = yield* Admission
    const format = negotiate(request.headers["accept"])
    if (format === undefined) {
      return yield* new NotAcceptable({ detail: "A watch is application/x-ndjson or text/event-stream." })
    }
    const options = {
      headers: {
        "cache-control": "no-cache",
        vary: "Accept",
        // Proxies that buffer would keep events back.
        "x-accel-buffering": "no"
      },
      contentType: format.contentType
    }
    if (request.method === "HEAD") {
      return HttpServerResponse.empty({
        status: 200,
        headers: { ...options.headers, "content-type": format.contentType }
      })
    }
    const since = request.headers["last-event-id"] || resourceVersion
    yield* admission.watch
    const events = yield* peekStream(source.changes({ filter, ...(since === undefined ? {} : { since }) }))
    const encode = makeEncodeEvent(format, since !== undefined)
    return HttpServerResponse.stream(
      events.pipe(
        Stream.mapArray((chunk) => [joinBytes(chunk.flatMap(encode))]),
        Stream.catch((problem) => Stream.succeed(encodeProblem(format)(problem))),
        Stream.tap((chunk) => addBytes(chunk.length)),
        Stream.interruptWhen(admission.closing)
      ),
      options
    )
  }
)
