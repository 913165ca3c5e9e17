import { Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { joinBytes } from "./joinBytes.ts"

const encoder = new TextEncoder()
const opening = encoder.encode("[")
const separator = encoder.encode(",")
const closing = encoder.encode("]")

const chunkItems = 128

const encodeChunk = (items: ReadonlyArray<Uint8Array>, from: number): Uint8Array => {
  const parts: Array<Uint8Array> = from === 0 ? [opening] : []
  const end = Math.min(from + chunkItems, items.length)
  for (let i = from; i < end; i++) {
    if (i > 0) parts.push(separator)
    parts.push(items[i]!)
  }
  if (end === items.length) parts.push(closing)
  return joinBytes(parts)
}

function* encodeChunks(items: ReadonlyArray<Uint8Array>): Generator<Uint8Array> {
  for (let from = 0; from < items.length; from += chunkItems) yield encodeChunk(items, from)
}

/**
 * Makes a response with a JSON array of documents that are already encoded. A long array is sent in chunks, so that it is
 * never in memory as a whole.
 */
export const toJsonArrayResponse = (
  items: ReadonlyArray<Uint8Array>,
  headers: Record<string, string>
): HttpServerResponse.HttpServerResponse => {
  const options = { contentType: "application/json", headers }
  if (items.length <= chunkItems) return HttpServerResponse.uint8Array(encodeChunk(items, 0), options)
  return HttpServerResponse.stream(
    Stream.fromIterable({ [Symbol.iterator]: () => encodeChunks(items) }, { chunkSize: 1 }),
    {
      ...options,
      contentLength: items.reduce((sum, item) => sum + item.length, items.length + 1)
    }
  )
}
