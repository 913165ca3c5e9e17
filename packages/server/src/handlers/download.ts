import {
  type ByteRange,
  type Compression,
  type CoreFile,
  CoreSource,
  coreStem,
  type CurrentPrincipal,
  PreconditionFailed,
  type Problem,
  RangeNotSatisfiable,
  type ReadBlock,
  readBlocks
} from "@koredump/core"
import { Effect, Exit, Metric, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"
import type { Admission } from "../admission/Admission.ts"
import { toDownloadWeight } from "../admission/requestKinds.ts"
import { awaitFirstChunk } from "../http/awaitFirstChunk.ts"
import { formatAttachment } from "../http/contentDisposition.ts"
import { evaluatePreconditions } from "../http/preconditions.ts"
import { readQuery, rejectParams, splitFlag } from "../http/query.ts"
import { getNodejsResponse, resetHttp10Connection } from "../http/sendFile.ts"
import { addBytes } from "../middleware/RequestInfo.ts"
import { admit, paceBlocks } from "./admit.ts"
import type { CurrentAppOptions } from "./AppOptions.ts"
import { parseCoreRef } from "./parseCoreRef.ts"
import { sendBlocks } from "./sendBlocks.ts"

/** Processor time for 1 MiB of a core in milliseconds, in node agent and cluster server together, measured with `bench/`. */
const millisPerMiB = { none: 1.5, zstd: 6, lz4: 6, xz: 25 } as const satisfies Record<Compression, number>

const bytesSent = Metric.counter("koredump_download_bytes_total", {
  description: "Bytes of cores sent",
  incremental: true
})
const failures = Metric.counter("koredump_downloads_failed_total", {
  description: "Failed downloads, including those that the client aborted",
  incremental: true
})

const mediaTypes = {
  zstd: "application/zstd",
  lz4: "application/x-lz4",
  xz: "application/x-xz",
  none: "application/octet-stream"
} as const satisfies Record<Compression, string>

const makeCommonHeaders = (file: CoreFile, name: string) => ({
  "content-disposition": formatAttachment(name),
  "last-modified": new Date(file.lastModified).toUTCString(),
  "cache-control": "no-cache"
})

const makeStoredHeaders = (file: CoreFile) => ({
  ...makeCommonHeaders(file, file.ref.id),
  "content-type": mediaTypes[file.compression],
  etag: file.etag,
  "accept-ranges": "bytes"
})

const makeDecompressedHeaders = (file: CoreFile) => ({
  ...makeCommonHeaders(file, coreStem(file.ref.id)),
  "content-type": "application/octet-stream"
})

type Response = HttpServerResponse.HttpServerResponse

const countBytes = (bytes: number) => Effect.andThen(addBytes(bytes), Metric.update(bytesSent, bytes))

const logFailure = (file: CoreFile, reason: string) =>
  Effect.logWarning("Download failed").pipe(Effect.annotateLogs({ id: file.ref.id, reason }))

const respondWithStream = (
  file: CoreFile,
  stream: Stream.Stream<Uint8Array, Problem>,
  options: { readonly status: number; readonly headers: Record<string, string> }
) =>
  Effect.map(HttpServerRequest.HttpServerRequest, (request) =>
    HttpServerResponse.stream(
      stream.pipe(
        Stream.tap((chunk) => countBytes(chunk.length)),
        Stream.tapError((problem) => Effect.andThen(Metric.update(failures, 1), logFailure(file, problem.message))),
        Stream.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : resetHttp10Connection(request))
      ),
      { ...options, contentType: options.headers["content-type"]! }
    ))

/** A reader of the file through two buffers, if the source can fill buffers. */
const openBlocks = Effect.fnUntraced(
  function*(file: CoreFile, range: ByteRange): Effect.fn.Return<ReadBlock | undefined, Problem, Scope.Scope> {
    const { read } = file
    const length = range.end - range.start
    if (read !== undefined) {
      let position = range.start
      return readBlocks(async (into) => {
        const bytes = await read(into, position)
        position += bytes
        return bytes
      }, { length })
    }
    return file.reader === undefined ? undefined : readBlocks(yield* file.reader(range), { length })
  }
)

/** Sends a core on the response of Node.js, counts it and logs a failure. `compression`: what is decompressed. */
const sendCore = Effect.fnUntraced(
  function*(
    file: CoreFile,
    response: ServerResponse,
    read: ReadBlock,
    head: Parameters<typeof sendBlocks>[2],
    compression: Compression = "none"
  ) {
    let sent = 0
    const paced = yield* paceBlocks(read, millisPerMiB[compression])
    return yield* sendBlocks(response, paced, head, (bytes) => {
      sent = bytes
    }).pipe(
      Effect.onExit((exit) =>
        Effect.andThen(
          Metric.update(bytesSent, sent),
          Exit.isSuccess(exit) ? Effect.void : Metric.update(failures, 1)
        )
      ),
      Effect.catch(({ detail, reason }) =>
        (reason === "aborted"
          ? Effect.logDebug("Client disconnected during download").pipe(Effect.annotateLogs({ id: file.ref.id }))
          : logFailure(file, reason === "short" ? "The file ended early." : detail ?? "The file cannot be read."))
          .pipe(Effect.as(HttpServerResponse.empty({ status: head.status })))
      )
    )
  }
)

/** Sends the stored file or a range of it. */
const sendStored = Effect.fnUntraced(function*(file: CoreFile, range: ByteRange | undefined) {
  const { end, start } = range ?? { start: 0, end: file.size }
  const status = range === undefined ? 200 : 206
  const length = end - start
  const headers = {
    ...makeStoredHeaders(file),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${file.size}` })
  }
  const response = getNodejsResponse(yield* HttpServerRequest.HttpServerRequest)
  const read = response === undefined ? undefined : yield* openBlocks(file, { start, end })
  return response === undefined || read === undefined
    ? yield* respondWithStream(file, yield* awaitFirstChunk(file.bytes({ start, end })), {
      status,
      headers: { ...headers, "content-length": String(length) }
    })
    : yield* sendCore(file, response, read, { status, headers, length })
})

/** Sends the decompressed core. If it is corrupt from its start, the caller gets an error response. */
const sendDecompressed = Effect.fnUntraced(function*(file: CoreFile) {
  const options = { status: 200, headers: makeDecompressedHeaders(file) }
  const response = getNodejsResponse(yield* HttpServerRequest.HttpServerRequest)
  return response === undefined || file.decompressedBlocks === undefined
    ? yield* respondWithStream(file, yield* awaitFirstChunk(file.decompressed), options)
    : yield* sendCore(file, response, yield* file.decompressedBlocks, options, file.compression)
})

const respondToHead = (file: CoreFile, decompress: boolean): Response =>
  HttpServerResponse.empty({
    status: 200,
    headers: decompress
      ? makeDecompressedHeaders(file)
      : { ...makeStoredHeaders(file), "content-length": String(file.size) }
  })

/** `GET, HEAD /apiv1/cores/download/…`: sends a core as it is stored, or decompressed. */
export const download = Effect.fnUntraced(
  function*(
    params: Parameters<typeof parseCoreRef>[0]
  ): Effect.fn.Return<
    Response,
    Problem,
    Admission | CoreSource | CurrentAppOptions | CurrentPrincipal | HttpServerRequest.HttpServerRequest | Scope.Scope
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const [decompress, rest] = yield* splitFlag(yield* readQuery, "decompress")
    yield* rejectParams(rest)
    const ref = yield* parseCoreRef(params)
    const file = yield* CoreSource.use((source) => source.open(ref))
    const isHead = request.method === "HEAD"
    if (decompress) {
      if (isHead) return respondToHead(file, true)
      yield* admit("download", toDownloadWeight(file.compression))
      return yield* sendDecompressed(file)
    }
    const { range: _, ...withoutRange } = request.headers
    const decision = evaluatePreconditions(isHead ? withoutRange : request.headers, file)
    if (decision === "precondition-failed") return yield* new PreconditionFailed({})
    if (decision === "unsatisfiable") return yield* new RangeNotSatisfiable({ size: file.size })
    if (decision === "not-modified") {
      const { "content-type": _, ...headers } = makeStoredHeaders(file)
      return HttpServerResponse.empty({ status: 304, headers })
    }
    if (isHead) return respondToHead(file, false)
    yield* admit("download")
    return yield* sendStored(file, decision === "none" ? undefined : decision)
  }
)
