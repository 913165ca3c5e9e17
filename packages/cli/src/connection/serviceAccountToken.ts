/** Requests a short-lived token for a service account (TokenRequest). Only koredump accepts it. */
import { Effect, Option, Schema } from "effect"
import { escapeHidden } from "../text/escape.ts"
import { KubeconfigError } from "./KubeconfigError.ts"
import type { KubeconfigOptions } from "./readKubeContext.ts"

/** The cluster server accepts tokens for this audience, and the Kubernetes API rejects them. */
const audience = "koredump"
const lifetimeSeconds = 3600

const decodeTokenRequest = Schema.decodeUnknownOption(
  Schema.Struct({ status: Schema.Struct({ token: Schema.String }) })
)

const accountName = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?)\/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)$/

/** Whether the text has the form `NAMESPACE/NAME`. */
export const isServiceAccountName = (account: string): boolean => accountName.test(account)

/** Requests a token for `account` (`NAMESPACE/NAME`) from the Kubernetes API. */
export const requestServiceAccountToken = Effect.fnUntraced(
  function*(account: string, { context, kubeconfig }: KubeconfigOptions): Effect.fn.Return<string, KubeconfigError> {
    const [, namespace, , name] = accountName.exec(account) ?? []
    if (namespace === undefined || name === undefined) {
      return yield* new KubeconfigError({
        message: `Invalid service account "${escapeHidden(account)}": expected NAMESPACE/NAME.`
      })
    }
    // Loaded on demand, because it is large.
    const { KubeApi, layerKubeApi } = yield* Effect.promise(() => import("@koredump/kubernetes"))
    const response = yield* KubeApi.use((api) =>
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
        const isMissing = error._tag === "KubeApiError" && error.reason === "not-found"
        const reason = isMissing ? "the service account does not exist." : error.message
        return new KubeconfigError({ message: `Cannot get a token for ${account}: ${reason}` })
      })
    )
    const decoded = decodeTokenRequest(response)
    if (Option.isNone(decoded)) {
      return yield* new KubeconfigError({
        message: `Cannot get a token for ${account}: the response of the Kubernetes API is invalid.`
      })
    }
    return decoded.value.status.token
  }
)
