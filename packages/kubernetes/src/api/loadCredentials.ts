import { Config, Effect, Option } from "effect"
import type { KubeAccess, KubeConfigError, KubeConfigOptions } from "./KubeAccess.ts"
import { readServiceAccount } from "./serviceAccount.ts"

/** Finds the cluster and its credentials like kubectl does, and in a pod from its service account. */
export const loadCredentials = Effect.fnUntraced(function*(
  options: KubeConfigOptions
): Effect.fn.Return<KubeAccess, KubeConfigError> {
  const variable = yield* Effect.orDie(Config.String("KUBECONFIG").pipe(Config.withDefault("")))
  if (options.kubeconfig === undefined && options.context === undefined && variable === "") {
    const access = yield* readServiceAccount()
    if (Option.isSome(access)) return access.value
  }
  const { readKubeconfig } = yield* Effect.promise(() => import("./kubeconfig.ts"))
  return yield* readKubeconfig(options)
})
