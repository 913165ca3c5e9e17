import { CoreEvent, ErrorEvent, parseJsonLines, type Problem, problemFromJson } from "@koredump/core"
import { Effect, Option, Result, Schema, Stream } from "effect"
import type { ServerConnection } from "../connection/ServerConnection.ts"

/** After this many skipped events, a watch fails: the server uses another protocol. */
const maxSkippedEvents = 1000

const decodeEvent = Schema.decodeUnknownOption(CoreEvent)
const decodeErrorEvent = Schema.decodeUnknownOption(ErrorEvent)
const hasEventFormat = Schema.is(Schema.Struct({ type: Schema.String, object: Schema.Unknown }))

/**
 * Decodes the lines of one watch. A newer server may send event types and core states that this version does not know:
 * such an event is skipped (`undefined`), because it must not hide all others.
 */
const makeEventDecoder = ({ invalidResponse }: Pick<ServerConnection, "invalidResponse">) => {
  let skippedEvents = 0
  return (line: unknown): Effect.Effect<CoreEvent | undefined, Problem> => {
    const event = decodeEvent(line)
    if (Option.isSome(event)) return Effect.succeed(event.value)
    const invalidEvent = invalidResponse("sent an invalid watch event.")
    const error = decodeErrorEvent(line)
    if (Option.isSome(error)) {
      return Effect.fail(Option.getOrElse(problemFromJson(error.value.object), () => invalidEvent))
    }
    if (!hasEventFormat(line) || ++skippedEvents > maxSkippedEvents) return Effect.fail(invalidEvent)
    return skippedEvents > 1
      ? Effect.undefined
      : Effect.as(Effect.logWarning("Watch event skipped: unexpected format"), undefined)
  }
}

const countBytes = (chunks: ReadonlyArray<Uint8Array>) => chunks.reduce((sum, { length }) => sum + length, 0)

/** Decodes the body of a watch. Never ends: fails when the server ends the watch. */
export const decodeWatchEvents =
  (connection: Pick<ServerConnection, "invalidResponse" | "limits">) =>
  (body: Stream.Stream<Uint8Array, Problem>): Stream.Stream<CoreEvent, Problem> =>
    Stream.suspend(() => {
      const decodeEvent = makeEventDecoder(connection)
      const { event, watchBurst } = connection.limits
      const limited = Number.isFinite(watchBurst)
        ? Stream.throttle(body, { cost: countBytes, units: watchBurst, duration: "32 seconds" })
        : body
      return limited.pipe(
        parseJsonLines(event),
        Stream.mapEffect((line) =>
          Result.isSuccess(line)
            ? decodeEvent(line.success)
            : Effect.fail(connection.invalidResponse(`sent an invalid watch event (${line.failure.message}).`))
        ),
        Stream.filter((event) => event !== undefined),
        Stream.concat(Stream.fail(connection.invalidResponse("ended the watch.")))
      )
    })
