import { Effect, Stream } from "effect"

/** The start of a text: all of it, or as much as fits the limit. */
export interface LimitedText {
  readonly text: string
  /** Whether the limit cut the text. */
  readonly isTruncated: boolean
}

/** Reads UTF-8 text. Stops after the chunk that exceeds `maxBytes`, so an endless body ends. */
export const readText = <E, R>(
  body: Stream.Stream<Uint8Array, E, R>,
  maxBytes: number
): Effect.Effect<LimitedText, E, R> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let size = 0
    return body.pipe(
      Stream.runForEachWhile((chunk) =>
        Effect.sync(() => {
          size += chunk.length
          text += decoder.decode(chunk, { stream: true })
          return size <= maxBytes
        })
      ),
      Effect.map(() => ({ text: text + decoder.decode(), isTruncated: size > maxBytes }))
    )
  })
