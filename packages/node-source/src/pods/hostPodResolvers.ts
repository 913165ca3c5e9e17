import type { PodResolver } from "@koredump/core"
import { Effect, type FileSystem, type Scope } from "effect"
import { makeHostPaths } from "../host/HostPaths.ts"
import { containerLogsResolver, podLogsResolver } from "./logResolvers.ts"
import { bundleResolver, conmonResolver } from "./runtimeResolvers.ts"
import { withFallback } from "./withFallback.ts"

/**
 * Pod resolvers that use only files and processes of the host, not the Kubernetes API. In order of precedence: names of
 * container logs, names of pod log directories, configurations of running containers, monitor processes of CRI-O.
 *
 * A resolver whose directory is not mounted, or whose container runtime is not installed, answers with empty identities.
 * Combine them with `chainPodResolvers`, after a resolver that watches pods.
 *
 * Default for `root`: `/`.
 */
export const hostPodResolvers = Effect.fnUntraced(function*(
  options: { readonly root?: string } = {}
): Effect.fn.Return<ReadonlyArray<PodResolver["Service"]>, never, FileSystem.FileSystem | Scope.Scope> {
  const paths = makeHostPaths(options)
  return [
    withFallback("container logs", yield* containerLogsResolver(paths.containerLogs)),
    withFallback("pod logs", yield* podLogsResolver(paths.podLogs)),
    withFallback("container configuration", bundleResolver(paths)),
    withFallback("conmon", yield* conmonResolver(paths))
  ]
})
