import { Effect, Option, Schema } from "effect"
import { Pod } from "./Pod.ts"

const decode = Schema.decodeUnknownOption(Pod)

/** Decodes a pod of a list or watch. None if the format is unexpected: one such pod must not hide the others. */
export type DecodePod = (object: unknown) => Effect.Effect<Option.Option<Pod>>

/** A decoder that logs the first pod with an unexpected format. */
export const makeDecodePod = (): DecodePod => {
  let isLogged = false
  return (object) => {
    const pod = decode(object)
    if (Option.isSome(pod) || isLogged) return Effect.succeed(pod)
    isLogged = true
    return Effect.as(Effect.logWarning("Pod skipped: unexpected format"), pod)
  }
}
