import { Stream } from "effect"
import { joinBytes } from "./joinBytes.ts"

const encoder = new TextEncoder()
const opening = encoder.encode("[")
const separator = encoder.encode(",")
const closing = encoder.encode("]")

/** Joins encoded documents to a JSON array. Each chunk of the stream is one chunk of the array. */
export const streamJsonArray = <E, R>(items: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Uint8Array, E, R> =>
  Stream.suspend(() => {
    let next = opening
    const start = () => {
      const bytes = next
      next = separator
      return bytes
    }
    return items.pipe(
      Stream.mapArray((chunk) => [joinBytes(chunk.flatMap((item) => [start(), item]))] as const),
      Stream.concat(Stream.sync(() => next === opening ? encoder.encode("[]") : closing))
    )
  })
