/** A short-lived token of a service account that koredump alone accepts (TokenRequest). */
import { Effect, Option, Schema } from "effect"
import { visible } from "../text/escape.ts"
import { KubeconfigError, type KubeconfigOptions } from "./readKubeContext.ts"

/** The audience that koredump's cluster server takes and the API server refuses. */
const audience = "koredump"
const lifetimeSeconds = 3600

const decode = Schema.decodeUnknownOption(Schema.Struct({ status: Schema.Struct({ token: Schema.String }) }))

const names = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)\/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)$/

/** Whether the text names a service account: `NAMESPACE/NAME`. */
export const isServiceAccount = (account: string): boolean => names.test(account)

/** Asks the API server of the kubeconfig for a token of `account` (`NAMESPACE/NAME`). */
export const requestToken = Effect.fnUntraced(
  function*(account: string, { context, kubeconfig }: KubeconfigOptions): Effect.fn.Return<string, KubeconfigError> {
    const [, namespace, , name] = names.exec(account) ?? []
    if (namespace === undefined || name === undefined) {
      return yield* new KubeconfigError({
        message: `Service accounts are named NAMESPACE/NAME, not "${visible(account)}".`
      })
    }
    // Large, and needed for this alone.
    const { KubeApi, layerKubeApi } = yield* Effect.promise(() => import("@koredump/kubernetes"))
    const answer = yield* KubeApi.use((api) =>
      api.create(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: [audience], expirationSeconds: lifetimeSeconds }
      })
    ).pipe(
      Effect.provide(layerKubeApi({
        kubeconfig: Option.getOrUndefined(kubeconfig),
        context: Option.getOrUndefined(context)
      })),
      Effect.mapError((error) => {
        const none = error._tag === "KubeApiError" && error.reason === "not-found"
        const why = none ? "there is no such service account." : error.message
        return new KubeconfigError({ message: `No token of ${account}: ${why}` })
      })
    )
    const decoded = decode(answer)
    if (Option.isNone(decoded)) {
      return yield* new KubeconfigError({ message: `No token of ${account}: the API server answered wrongly.` })
    }
    return decoded.value.status.token
  }
)
