/** A resolver whose failures are its own matter. */
import type { PodIdentity, PodResolver } from "@koredump/core"
import { Cause, Effect, Option } from "effect"

const patience = "500 millis"
const nothing: PodIdentity = {}

/** Where it fails, or takes too long, it knows nothing; the log says so once. */
export const isolated = (name: string, resolver: PodResolver["Service"]): PodResolver["Service"] => {
  let logged = false
  const report = (why: string) =>
    Effect.suspend(() => {
      if (logged) return Effect.void
      logged = true
      return Effect.logWarning(`Pods cannot be found out by ${name}`, why)
    })
  return {
    resolve: (pod) =>
      resolver.resolve(pod).pipe(
        Effect.timeoutOption(patience),
        Effect.flatMap(Option.match({
          onNone: () => Effect.as(report("no answer"), nothing),
          onSome: Effect.succeed
        })),
        Effect.catchCause((cause) => Effect.as(report(Cause.pretty(cause)), nothing))
      ),
    updates: resolver.updates,
    warnings: resolver.warnings
  }
}
