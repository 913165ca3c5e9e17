/**
 * Whom to ask on the host itself which pod a process belonged to; none of them needs Kubernetes' API. Each answers from
 * what it can see: where a directory is not mounted or there is no such runtime, it knows nothing and costs nothing.
 */
import type { PodResolver } from "@koredump/core"
import { Effect, type FileSystem, type Scope } from "effect"
import { hostPaths } from "../host/HostPaths.ts"
import { containerLogsResolver, podLogsResolver } from "./logResolvers.ts"
import { bundleResolver, conmonResolver } from "./runtimeResolvers.ts"
import { isolated } from "./withFallback.ts"

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
