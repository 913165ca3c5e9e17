/** `GET, HEAD /apiv1/cores/download/…`. */
import {
  type ByteRange,
  type Compression,
  type CoreFile,
  CoreSource,
  coreStem,
  PreconditionFailed,
  type Problem,
  RangeNotSatisfiable
} from "@koredump/core"
import { Effect, Exit, Metric, Option, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Admission } from "../Admission.ts"
import type { CurrentAppOptions } from "../AppOptions.ts"
import { attachment } from "../http/contentDisposition.ts"
import { peekStream } from "../http/peekStream.ts"
import { evaluate } from "../http/preconditions.ts"
import { queryOf, refuseParams, takeFlag } from "../http/queryOf.ts"
import { addBytes, RequestInfo } from "../http/RequestInfo.ts"
import { nodeResponseOf, type Read, resetHttp10, sendFile } from "../http/sendFile.ts"
import { standingHeaders } from "../http/standingHeaders.ts"
import { coreRef } from "./coreRef.ts"

const bytesSent = Metric.counter("koredump_download_bytes_total", {
  description: "Bytes of cores sent",
  incremental: true
})
const failures = Metric.counter("koredump_downloads_failed_total", {
  description: "Downloads that broke off, whoever was to blame",
  incremental: true
})

const mediaTypes = {
  zstd: "application/zstd",
  lz4: "application/x-lz4",
  xz: "application/x-xz",
  none: "application/octet-stream"
} as const satisfies Record<Compression, string>

const commonHeaders = (file: CoreFile, name: string) => ({
  "content-disposition": attachment(name),
  "last-modified": new Date(file.lastModified).toUTCString(),
  "cache-control": "no-cache"
})

const storedHeaders = (file: CoreFile) => ({
  ...commonHeaders(file, file.ref.id),
  "content-type": mediaTypes[file.compression],
  etag: file.etag,
  "accept-ranges": "bytes"
})

type Response = HttpServerResponse.HttpServerResponse

const count = (bytes: number) => Effect.andThen(addBytes(bytes), Metric.update(bytesSent, bytes))

const logFailure = (file: CoreFile, why: string) =>
  Effect.logWarning(`A download broke off: ${why}`).pipe(Effect.annotateLogs({ id: file.ref.id }))

const streamResponse = (
  file: CoreFile,
  stream: Stream.Stream<Uint8Array, Problem>,
  options: { readonly status: number; readonly headers: Record<string, string> }
) =>
  Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
    HttpServerResponse.stream(
      stream.pipe(
        Stream.tap((chunk) => count(chunk.length)),
        Stream.tapError((problem) => Effect.andThen(Metric.update(failures, 1), logFailure(file, problem.message))),
        Stream.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : resetHttp10(request))
      ),
      { ...options, contentType: options.headers["content-type"]! }
    ))

/** How buffers are filled from the file, where the source can do that. */
const readOf = Effect.fnUntraced(
  function*(file: CoreFile, range: ByteRange): Effect.fn.Return<Read | undefined, Problem, Scope.Scope> {
    if (file.read !== undefined || file.reader === undefined) return file.read
    const reader = yield* file.reader(range)
    return (into, _position, signal) => reader(into, signal)
  }
)

/** The stored file, or a part of it. Where the source can fill buffers, it costs two of them, however large the core. */
const sendStored = Effect.fnUntraced(function*(file: CoreFile, range: ByteRange | undefined) {
  const { end, start } = range ?? { start: 0, end: file.size }
  const status = range === undefined ? 200 : 206
  const headers = {
    ...storedHeaders(file),
    "content-length": String(end - start),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${file.size}` })
  }
  const request = yield* HttpServerRequest.HttpServerRequest
  const response = nodeResponseOf(request)
  const read = response === undefined ? undefined : yield* readOf(file, { start, end })
  if (response === undefined || read === undefined) {
    return yield* streamResponse(file, yield* peekStream(file.bytes({ start, end })), { status, headers })
  }
  const info = yield* Effect.serviceOption(RequestInfo)
  response.strictContentLength = true
  response.writeHead(status, { ...headers, ...(Option.isSome(info) ? standingHeaders(info.value) : {}) })
  let sent = 0
  yield* sendFile(response, read, { start, end }, (bytes) => {
    sent = bytes
    if (Option.isSome(info)) info.value.bytes = bytes
  }).pipe(
    Effect.onExit((exit) =>
      Effect.andThen(
        Metric.update(bytesSent, sent),
        Exit.isSuccess(exit) ? Effect.void : Metric.update(failures, 1)
      )
    ),
    Effect.tapError(({ reason }) =>
      Effect.sync(() => {
        if (Option.isSome(info)) info.value.brokenOff = reason === "aborted" ? 499 : 500
      })
    ),
    Effect.catch(({ detail, reason }) =>
      reason === "aborted"
        ? Effect.logDebug("The client of a download went")
        : logFailure(file, reason === "short" ? "The file ended early." : detail ?? "The file cannot be read.")
    )
  )
  return HttpServerResponse.empty({ status, headers })
})

const sendDecompressed = Effect.fnUntraced(function*(file: CoreFile) {
  // A file that is no such file at all is told as an error, not as a broken connection.
  const core = yield* peekStream(file.decompressed)
  return yield* streamResponse(file, core, {
    status: 200,
    headers: { ...commonHeaders(file, coreStem(file.ref.id)), "content-type": "application/octet-stream" }
  })
})

const head = (file: CoreFile, decompress: boolean): Response =>
  HttpServerResponse.empty({
    status: 200,
    headers: decompress
      ? { ...commonHeaders(file, coreStem(file.ref.id)), "content-type": "application/octet-stream" }
      : { ...storedHeaders(file), "content-length": String(file.size) }
  })

/** Sends a core as it is stored, or decompressed. */
export const download = Effect.fnUntraced(
  function*(
    params: Parameters<typeof coreRef>[0]
  ): Effect.fn.Return<
    Response,
    Problem,
    Admission | CoreSource | CurrentAppOptions | HttpServerRequest.HttpServerRequest | Scope.Scope
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const [decompress, rest] = yield* takeFlag(yield* queryOf, "decompress")
    yield* refuseParams(rest)
    const ref = yield* coreRef(params)
    const file = yield* CoreSource.use((source) => source.open(ref))
    const isHead = request.method === "HEAD"
    if (decompress) {
      if (isHead) return head(file, true)
      yield* Admission.use((admission) => admission.download)
      return yield* sendDecompressed(file)
    }
    const { range: _, ...unranged } = request.headers
    const decision = evaluate(isHead ? unranged : request.headers, file)
    if (decision === "precondition-failed") return yield* new PreconditionFailed({})
    if (decision === "unsatisfiable") return yield* new RangeNotSatisfiable({ size: file.size })
    if (decision === "not-modified") {
      const { "content-type": _, ...headers } = storedHeaders(file)
      return HttpServerResponse.empty({ status: 304, headers })
    }
    if (isHead) return head(file, false)
    yield* Admission.use((admission) => admission.download)
    return yield* sendStored(file, decision === "none" ? undefined : decision)
  }
)
