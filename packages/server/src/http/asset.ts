/** Documents that do not change while the server runs. All requests share their bytes. */
import { Effect, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { createHash } from "node:crypto"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { parseAccept } from "./accept.ts"
import { includesTag } from "./preconditions.ts"

/** The content of a document in one encoding. */
interface Representation {
  readonly bytes: Uint8Array
  readonly etag: string
  readonly encoding?: "gzip"
}

/** A document with its headers, as it is and compressed. */
export interface Asset {
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  readonly identity: Representation
  readonly gzip: Representation
}

const compress = promisify(gzip)

/** Makes an asset from a text. */
export const makeAsset = async (
  text: string,
  contentType: string,
  headers: Readonly<Record<string, string>> = {}
): Promise<Asset> => {
  const bytes = new TextEncoder().encode(text)
  const hash = createHash("sha256").update(bytes).digest("base64url")
  return {
    contentType,
    headers,
    identity: { bytes, etag: `"${hash}"` },
    gzip: { bytes: await compress(bytes, { level: 9 }), etag: `"${hash}-gzip"`, encoding: "gzip" }
  }
}

/** Whether the client accepts gzip. Without an `Accept-Encoding` header, the document is not compressed. */
const acceptsGzip = (header: string | undefined): boolean => {
  const accepted = parseAccept(header ?? "")
  return (accepted.get("gzip") ?? accepted.get("*") ?? 0) > 0
}

// With TLS, each part that was written and not read is a copy for its connection.
const partSize = 64 * 1024

function* split(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += partSize) yield bytes.subarray(start, start + partSize)
}

/** Answers with an asset, part by part as the client reads it, or with 304 if the client has it already. */
export const respondWithAsset = Effect.fnUntraced(function*(
  asset: Asset
): Effect.fn.Return<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> {
  const request = yield* HttpServerRequest.HttpServerRequest
  const { bytes, encoding, etag } = acceptsGzip(request.headers["accept-encoding"]) ? asset.gzip : asset.identity
  const headers = {
    ...asset.headers,
    etag,
    "cache-control": "no-cache",
    vary: "Accept-Encoding",
    ...(encoding === undefined ? {} : { "content-encoding": encoding })
  }
  const ifNoneMatch = request.headers["if-none-match"]
  if (ifNoneMatch !== undefined && includesTag(ifNoneMatch, etag, true)) {
    return HttpServerResponse.empty({ status: 304, headers })
  }
  return HttpServerResponse.stream(
    Stream.fromIterable({ [Symbol.iterator]: () => split(bytes) }, { chunkSize: 1 }),
    { contentType: asset.contentType, contentLength: bytes.length, headers }
  )
})
