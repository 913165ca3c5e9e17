/**
 * Whom to ask on the host itself which pod a process belonged to; none of them needs Kubernetes' API. Each answers from
 * what it can see: where a directory is not mounted or there is no such runtime, it knows nothing and costs nothing.
 */
import type { PodIdentity, PodResolver } from "@koredump/core"
import { Cause, Effect, type FileSystem, Option, type Scope } from "effect"
import { hostPaths } from "../HostPaths.ts"
import { containerLogsResolver, podLogsResolver } from "./logNames.ts"
import { bundleResolver, conmonResolver } from "./runtimes.ts"

const patience = "500 millis"
const nothing: PodIdentity = {}

/** What goes wrong with one is not the others' matter: it knows nothing then, and the log says so once. */
const isolated = (name: string, resolver: PodResolver["Service"]): PodResolver["Service"] => {
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
    updates: resolver.updates
  }
}

/**
 * In the order in which they count: the names of container logs and of pods' directories of logs, the configurations of
 * running containers, CRI-O's monitors. To be chained behind one that watches the pods themselves (`chainPodResolvers`).
 */
export const hostPodResolvers = Effect.fnUntraced(function*(
  options: { readonly root?: string } = {}
): Effect.fn.Return<ReadonlyArray<PodResolver["Service"]>, never, FileSystem.FileSystem | Scope.Scope> {
  const paths = hostPaths(options)
  return [
    isolated("container logs", yield* containerLogsResolver(paths.containerLogs)),
    isolated("pods' logs", yield* podLogsResolver(paths.podLogs)),
    isolated("the runtime's configurations", bundleResolver(paths)),
    isolated("conmon", yield* conmonResolver(paths))
  ]
})
