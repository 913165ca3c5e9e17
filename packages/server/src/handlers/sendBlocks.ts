import type { ReadBlock } from "@koredump/core"
import { Effect, Option } from "effect"
import { HttpServerResponse } from "effect/http"
import type { ServerResponse } from "node:http"
import { sendFile, type TransferError } from "../http/sendFile.ts"
import { makeDefaultHeaders } from "../middleware/defaultHeaders.ts"
import { RequestInfo } from "../middleware/RequestInfo.ts"

/** The head of a response whose body is sent in blocks. */
interface BlocksHead {
  readonly status: number
  readonly headers: Record<string, string>
  /** Bytes of the body, if they are known. */
  readonly length?: number
}

/**
 * Sends head and body on the response of Node.js, without the layers of the HTTP framework, and returns a response for
 * the log. See `sendFile`.
 */
export const sendBlocks = Effect.fnUntraced(
  function*(
    response: ServerResponse,
    read: ReadBlock,
    { headers, length, status }: BlocksHead,
    onProgress: (bytes: number) => void = () => undefined
  ): Effect.fn.Return<HttpServerResponse.HttpServerResponse, TransferError> {
    const info = Option.getOrUndefined(yield* Effect.serviceOption(RequestInfo))
    const allHeaders = length === undefined ? headers : { ...headers, "content-length": String(length) }
    response.strictContentLength = length !== undefined
    response.writeHead(status, { ...allHeaders, ...(info === undefined ? {} : makeDefaultHeaders(info)) })
    yield* sendFile(response, read, length, (bytes) => {
      if (info !== undefined) info.bytes = bytes
      onProgress(bytes)
    }).pipe(
      Effect.tapError(({ reason }) =>
        Effect.sync(() => {
          if (info !== undefined) info.abortStatus = reason === "aborted" ? 499 : 500
        })
      )
    )
    return HttpServerResponse.empty({ status, headers: allHeaders })
  }
)
