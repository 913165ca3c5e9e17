import { makeFailureLog, type PodIdentity, type PodResolver } from "@koredump/core"
import { Cause, Effect, Option } from "effect"

const timeout = "500 millis"
const unknown: PodIdentity = {}

/** Answers with an empty identity if the resolver fails or takes longer than 500 ms. The failure is logged once. */
export const withFallback = (name: string, resolver: PodResolver["Service"]): PodResolver["Service"] => {
  const log = makeFailureLog({ failed: "Pod resolver failed" })
  // An unreliable resolver fails for varying reasons, so only the first one is logged.
  const fail = (reason: string) =>
    Effect.suspend(() => log.reason() === undefined ? log.failed(reason) : Effect.void).pipe(
      Effect.annotateLogs({ resolver: name }),
      Effect.as(unknown)
    )
  return {
    resolve: (pod) =>
      resolver.resolve(pod).pipe(
        Effect.timeoutOption(timeout),
        Effect.flatMap(Option.match({ onNone: () => fail(`no answer within ${timeout}`), onSome: Effect.succeed })),
        Effect.catchCause((cause) => fail(Cause.pretty(cause)))
      ),
    updates: resolver.updates,
    warnings: resolver.warnings
  }
}
