/** A response of many JSON documents, encoded already, as one array. */
import { Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { joinBytes } from "./joinBytes.ts"

const encoder = new TextEncoder()
const opening = encoder.encode("[")
const separator = encoder.encode(",")
const closing = encoder.encode("]")

const chunkItems = 128

/** What is written for the items from `from` on: a chunk of them, with what stands between and at the ends. */
const chunkOf = (items: ReadonlyArray<Uint8Array>, from: number): Uint8Array => {
  const parts: Array<Uint8Array> = from === 0 ? [opening] : []
  const end = Math.min(from + chunkItems, items.length)
  for (let i = from; i < end; i++) {
    if (i > 0) parts.push(separator)
    parts.push(items[i]!)
  }
  if (end === items.length) parts.push(closing)
  return joinBytes(parts)
}

function* chunksOf(items: ReadonlyArray<Uint8Array>): Generator<Uint8Array> {
  for (let from = 0; from < items.length; from += chunkItems) yield chunkOf(items, from)
}

/** The array; a long one in chunks, so that it never is in memory as a whole. */
export const jsonArray = (
  items: ReadonlyArray<Uint8Array>,
  headers: Record<string, string>
): HttpServerResponse.HttpServerResponse => {
  const options = { contentType: "application/json", headers }
  if (items.length <= chunkItems) return HttpServerResponse.uint8Array(chunkOf(items, 0), options)
  return HttpServerResponse.stream(
    Stream.fromIterable({ [Symbol.iterator]: () => chunksOf(items) }, { chunkSize: 1 }),
    {
      ...options,
      contentLength: items.reduce((sum, item) => sum + item.length, items.length + 1)
    }
  )
}
