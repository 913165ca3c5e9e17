import type { KubeApi } from "@koredump/kubernetes"
import { Config, Context, Effect, FileSystem, Layer, Option, Schema, type Scope } from "effect"
import { join } from "node:path"
import type { Connection } from "../connection/Connection.ts"
import { ServiceAccountDirectory } from "../connection/findToken.ts"
import { type KubeconfigOptions, readKubeContext } from "../connection/readKubeContext.ts"
import { type Deployment, KoredumpPods, toDeployment } from "./Deployment.ts"

/** The pods of koredump could not be listed. */
export interface UnavailableDeployment {
  readonly unavailableReason: string
}

interface ErrorWithMessage {
  readonly message: string
}

const timeout = "3 seconds"

/** Never fails: the status is useful without the pods, too. */
const withReason = (
  query: Effect.Effect<Deployment, ErrorWithMessage>
): Effect.Effect<Deployment | UnavailableDeployment> =>
  query.pipe(
    Effect.catch(({ message }) => Effect.succeed<UnavailableDeployment>({ unavailableReason: message })),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.succeed<UnavailableDeployment>({
          unavailableReason: `The Kubernetes API did not answer within ${timeout}.`
        })
    })
  )

const isInPod = Effect.gen(function*() {
  const host = yield* Effect.orDie(Config.option(Config.String("KUBERNETES_SERVICE_HOST")))
  if (Option.getOrElse(host, () => "") === "") return false
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.orElseSucceed(fs.exists(join(yield* ServiceAccountDirectory, "token")), () => false)
})

const decodePods = Schema.decodeUnknownOption(KoredumpPods)

const connect = Effect.fnUntraced(function*({ context, kubeconfig }: KubeconfigOptions) {
  // Loaded on demand, because it is large.
  const { KubeApi, layerKubeApi } = yield* Effect.promise(() => import("@koredump/kubernetes"))
  const built = yield* Layer.build(layerKubeApi({
    kubeconfig: Option.getOrUndefined(kubeconfig),
    context: Option.getOrUndefined(context)
  }))
  return Context.get(built, KubeApi)
})

/** Requests koredump's pods in a namespace from the Kubernetes API. Takes at most 3 seconds. */
export const queryKubernetes = ({ get, server }: KubeApi["Service"], namespace: string) => {
  const listPods = Effect.fnUntraced(function*(labelSelector: string) {
    // Any resource version: the Kubernetes API answers from its cache.
    const response = yield* get(`/api/v1/namespaces/${namespace}/pods`, { labelSelector, resourceVersion: "0" })
    const decoded = decodePods(response)
    return Option.isSome(decoded)
      ? decoded.value.items
      : yield* Effect.fail<ErrorWithMessage>({ message: `The response of the Kubernetes API at ${server} is invalid.` })
  })
  return Effect.all([listPods("koredump.service=1"), listPods("koredump.daemonset=1")], { concurrency: 2 }).pipe(
    Effect.map(([apiPods, nodePods]) => toDeployment({ server, namespace }, apiPods, nodePods)),
    withReason
  )
}

/**
 * Connects to the Kubernetes API and returns the query, ready to run. None without a pod and a kubeconfig, and with
 * `--local`. The slow loading of the Kubernetes client happens here, so that it does not distort the response time of a
 * server that is queried at the same time.
 */
export const prepareKubernetesQuery = Effect.fnUntraced(
  function*(connection: Connection): Effect.fn.Return<
    Option.Option<Effect.Effect<Deployment | UnavailableDeployment>>,
    ErrorWithMessage,
    FileSystem.FileSystem | Scope.Scope
  > {
    if (connection.local) return Option.none()
    const isAvailable = (yield* isInPod) || Option.isSome(yield* readKubeContext(connection))
    return isAvailable
      ? Option.some(queryKubernetes(yield* connect(connection), connection.koredumpNamespace))
      : Option.none()
  },
  Effect.catch(({ message }) =>
    Effect.succeedSome(Effect.succeed<UnavailableDeployment>({ unavailableReason: message }))
  )
)
