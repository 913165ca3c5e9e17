import {
  type CoreEvent,
  CoreSource,
  type CurrentPrincipal,
  encodeCore,
  NotAcceptable,
  type Problem,
  problemToJson,
  type WatchParameters
} from "@koredump/core"
import { Effect, type Pull, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Admission } from "../admission/Admission.ts"
import { getQuality, parseAccept } from "../http/accept.ts"
import { awaitFirstChunk } from "../http/awaitFirstChunk.ts"
import { joinBytes } from "../http/joinBytes.ts"
import { getNodejsResponse } from "../http/sendFile.ts"
import { onReceived } from "../http/sendQueues.ts"
import { addBytes } from "../middleware/RequestInfo.ts"
import { admit } from "./admit.ts"

const encoder = new TextEncoder()

/** A format of events: the text before and after the JSON of an object. */
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

/** Selects the format that the client prefers. Default: NDJSON, which clients can also request as application/json. */
const negotiateFormat = (accept: string | undefined): Format | undefined => {
  const accepted = parseAccept(accept)
  const events = getQuality(accepted, "text/event-stream")
  const lines = Math.max(getQuality(accepted, "application/x-ndjson"), accepted.get("application/json") ?? 0)
  if (events > lines || (events > 0 && events === lines && accepted.has("text/event-stream"))) return serverSentEvents
  return lines > 0 ? ndjson : undefined
}

/**
 * Makes an encoder of events. The replay is sorted by time, so the resource version of one of its cores does not cover
 * the cores that follow. Clients can resume only from the BOOKMARK after the replay: earlier events have no `id`.
 */
const makeEncodeEvent = (format: Format, isResumed: boolean) => {
  let hasIds = isResumed
  return ({ object, type }: CoreEvent): ReadonlyArray<Uint8Array> => {
    hasIds ||= type === "BOOKMARK"
    return [
      format.before(type, hasIds ? object.resourceVersion : undefined),
      type === "BOOKMARK" ? encoder.encode(JSON.stringify(object)) : encodeCore(object),
      format.after
    ]
  }
}

const encodeProblem = (format: Format) => (problem: Problem): Uint8Array =>
  joinBytes([format.before("ERROR", undefined), encoder.encode(JSON.stringify(problemToJson(problem))), format.after])

/** A chunk ends with the event that reaches this size, in bytes. A watch holds one chunk until the client has received it. */
const chunkBytes = 64 * 1024

function* encodeEvents(events: Iterable<CoreEvent>, encode: ReturnType<typeof makeEncodeEvent>): Generator<Uint8Array> {
  let parts: Array<Uint8Array> = []
  let size = 0
  for (const event of events) {
    for (const part of encode(event)) {
      parts.push(part)
      size += part.length
    }
    if (size < chunkBytes) continue
    yield joinBytes(parts)
    parts = []
    size = 0
  }
  if (size > 0) yield joinBytes(parts)
}

/** Encodes events chunk by chunk, so that events which the client does not take are not encoded. */
const encodeChunks =
  (encode: ReturnType<typeof makeEncodeEvent>) =>
  <E, R>(events: Stream.Stream<CoreEvent, E, R>): Stream.Stream<Uint8Array, E, R> =>
    Stream.transformPull(events, (pull) =>
      Effect.sync(() => {
        let chunks: Iterator<Uint8Array> | undefined
        const next: typeof pull extends Pull.Pull<infer _, infer E2, infer Done, infer R2>
          ? Pull.Pull<readonly [Uint8Array], E2, Done, R2>
          : never = Effect.suspend(() => {
            const chunk = chunks?.next()
            if (chunk !== undefined && chunk.done !== true) return Effect.succeed([chunk.value] as const)
            return Effect.flatMap(pull, (events) => {
              chunks = encodeEvents(events, encode)
              return next
            })
          })
        return next
      }))

/** After this many bytes, a watch waits until the client has received most of them. */
const maxUnreceived = 128 * 1024

/** Makes the function that is called before each write, with its bytes. It waits if the client does not receive them. */
const makeLimitUnreceived = (request: HttpServerRequest.HttpServerRequest) => {
  const socket = getNodejsResponse(request)?.req.socket
  let written = 0
  return (bytes: number): Effect.Effect<void> => {
    written += bytes
    if (socket === undefined || written <= maxUnreceived) return Effect.void
    written = 0
    return Effect.callback((resume) => {
      const stop = onReceived(socket, () => resume(Effect.void))
      return Effect.sync(stop)
    })
  }
}

/**
 * `GET /apiv1/watch`: streams events until the client disconnects. A failure before the first event has its own status; a
 * later one is an ERROR event, which ends the stream.
 */
export const watch = Effect.fnUntraced(
  function*({ resourceVersion, ...filter }: typeof WatchParameters.Type): Effect.fn.Return<
    HttpServerResponse.HttpServerResponse,
    Problem,
    Admission | CoreSource | CurrentPrincipal | HttpServerRequest.HttpServerRequest | Scope.Scope
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const source = yield* CoreSource
    const { closing } = yield* Admission
    const format = negotiateFormat(request.headers["accept"])
    if (format === undefined) {
      return yield* new NotAcceptable({
        detail: "The formats of a watch are application/x-ndjson and text/event-stream. Change the Accept header."
      })
    }
    const options = {
      headers: {
        "cache-control": "no-cache",
        vary: "Accept",
        // Disables buffering in proxies, which would delay events.
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
    yield* admit("watch")
    const events = yield* awaitFirstChunk(source.changes({ filter, ...(since === undefined ? {} : { since }) }))
    const encode = makeEncodeEvent(format, since !== undefined)
    const limitUnreceived = makeLimitUnreceived(request)
    return HttpServerResponse.stream(
      events.pipe(
        encodeChunks(encode),
        Stream.catch((problem) => Stream.succeed(encodeProblem(format)(problem))),
        Stream.tap((chunk) => Effect.andThen(addBytes(chunk.length), limitUnreceived(chunk.length))),
        Stream.interruptWhen(closing)
      ),
      options
    )
  }
)
