import {
  type ByteRange,
  type CoreFile,
  type CoreRef,
  type NodeFailed,
  parseCoreId,
  type Problem,
  readBlocks
} from "@koredump/core"
import { Effect, Option, Stream } from "effect"
import type { HttpClientResponse } from "effect/http"
import type { BodyReader } from "../connection/responseBody.ts"
import type { ServerConnection } from "../connection/ServerConnection.ts"
import { corePath, urls } from "./urls.ts"

type Response = HttpClientResponse.HttpClientResponse

/** The properties of the file in the headers of a download. `undefined` if a required header is missing or invalid. */
const parseFileHeaders = (headers: Response["headers"]) => {
  const etag = headers["etag"] ?? ""
  const length = headers["content-length"] ?? ""
  const lastModified = Date.parse(headers["last-modified"] ?? "")
  return /^"[\x21\x23-\x7e\x80-\xff]{1,256}"$/.test(etag) && /^\d{1,15}$/.test(length) && !Number.isNaN(lastModified)
    ? { etag, size: Number(length), lastModified }
    : undefined
}

/** Whether a response has the requested range of the requested file. */
const isRequestedPart = ({ headers, status }: Response, etag: string, range: ByteRange | undefined): boolean => {
  if (headers["etag"] !== undefined && headers["etag"] !== etag) return false
  if (range === undefined) return status === 200
  return status === 206 && (headers["content-range"] ?? "").startsWith(`bytes ${range.start}-${range.end - 1}/`)
}

/** Fails if the stream has fewer or more than `expected` bytes. */
const exactLength =
  (expected: number, invalidResponse: (what: string) => NodeFailed) =>
  (stream: Stream.Stream<Uint8Array, Problem>): Stream.Stream<Uint8Array, Problem> =>
    Stream.suspend(() => {
      let received = 0
      const check = Stream.suspend(() =>
        received === expected
          ? Stream.empty
          : Stream.fail(invalidResponse(`sent ${received} bytes instead of the announced ${expected}.`))
      )
      return stream.pipe(
        Stream.mapArrayEffect((chunks) => {
          for (const chunk of chunks) received += chunk.length
          return received > expected
            ? Effect.fail(invalidResponse(`sent more than the announced ${expected} bytes.`))
            : Effect.succeed(chunks)
        }),
        Stream.concat(check)
      )
    })

/** A smaller body is not worth a connection of its own, which `readBody` could read faster. */
const minOwnConnection = 4 * 1024 * 1024

/** Opens a stored core on the server. If the connection has a reader, the file has a `reader` and `decompressedBlocks`. */
export const openRemoteCore = (connection: ServerConnection) =>
  Effect.fnUntraced(function*(ref: CoreRef): Effect.fn.Return<CoreFile, Problem> {
    const path = yield* corePath(ref, (params) => urls.cores.download({ params, query: {} }))
    // The response to a HEAD request has no body with a problem, so a failed HEAD is repeated as GET. The (empty) body is
    // read to its end, so that the connection can be reused.
    const { headers } = yield* connection.send({ method: "HEAD", path }).pipe(
      Effect.tap((response) => Stream.runDrain(connection.body(response))),
      Effect.catchIf(({ _tag }) => _tag !== "NodeTimeout", () => connection.send({ path })),
      Effect.scoped
    )
    const info = parseFileHeaders(headers)
    if (info === undefined) {
      return yield* connection.invalidResponse(
        "sent a download without a valid ETag, Content-Length or Last-Modified header."
      )
    }
    // No compression on the way: lengths and ranges are those of the stored file.
    const conditions = { "if-match": info.etag, "accept-encoding": "identity" }

    const request = (range: ByteRange | undefined, headers: Readonly<Record<string, string>> = {}) =>
      connection.send({
        path,
        headers: {
          ...conditions,
          ...headers,
          ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` })
        }
      }).pipe(
        Effect.filterOrFail(
          (response) => isRequestedPart(response, info.etag, range),
          () => connection.invalidResponse("returned another file or range than requested.")
        )
      )

    const bytes = (range?: ByteRange) => {
      const { end, start } = range ?? { start: 0, end: info.size }
      if (start >= end) return Stream.empty
      return request(range).pipe(
        Effect.map((response) => exactLength(end - start, connection.invalidResponse)(connection.body(response))),
        Stream.unwrap,
        Stream.scoped
      )
    }

    const reader =
      (readBody: (response: Response) => BodyReader) => (range: ByteRange = { start: 0, end: info.size }) =>
        range.start >= range.end
          ? Effect.succeed(() => Promise.resolve(0))
          : Effect.map(
            request(range, range.end - range.start < minOwnConnection ? {} : { connection: "close" }),
            readBody
          )

    const requestDecompressed = connection.send({
      path: urls.cores.download({ params: ref, query: { decompress: "true" } }),
      headers: conditions
    })

    const { reader: readBody } = connection
    return {
      ref,
      ...info,
      compression: Option.match(parseCoreId(ref.id), { onNone: () => "none", onSome: (id) => id.compression }),
      bytes,
      decompressed: requestDecompressed.pipe(
        Effect.map((response) => connection.body(response)),
        Stream.unwrap,
        Stream.scoped
      ),
      ...(readBody === undefined ? {} : {
        reader: reader(readBody),
        decompressedBlocks: Effect.map(requestDecompressed, (response) => readBlocks(readBody(response)))
      })
    }
  })
