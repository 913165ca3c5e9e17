import { Effect, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { makeJsonArray } from "../http/jsonArray.ts"
import { getNodejsResponse } from "../http/sendFile.ts"
import { sendBlocks } from "./sendBlocks.ts"

/** A shorter array is a single block that costs little. */
const minBlocks = 128 * 1024

/**
 * Responds with a JSON array of documents that are already encoded. If the response is one of Node.js, a long array is
 * sent here, from two buffers.
 */
export const sendJsonArray = Effect.fnUntraced(
  function*(items: ReadonlyArray<Uint8Array>, headers: Record<string, string>): Effect.fn.Return<
    HttpServerResponse.HttpServerResponse,
    never,
    HttpServerRequest.HttpServerRequest
  > {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { blocks, length, read, release } = makeJsonArray(items)
    const response = getNodejsResponse(request)
    const options = { contentType: "application/json", contentLength: length, headers }
    if (length <= minBlocks) {
      const [bytes] = blocks()
      return HttpServerResponse.uint8Array(bytes!, options)
    }
    if (response === undefined || request.method === "HEAD") {
      return HttpServerResponse.stream(
        Stream.fromIterable({ [Symbol.iterator]: blocks }, { chunkSize: 1 }),
        options
      )
    }
    const head = { status: 200, headers: { "content-type": "application/json", ...headers }, length }
    return yield* sendBlocks(response, read, head).pipe(
      Effect.tap(Effect.sync(release)),
      Effect.orElseSucceed(() => HttpServerResponse.empty({ status: head.status }))
    )
  }
)
