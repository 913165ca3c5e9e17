/**
 * Asks Kubernetes for koredump's own pods, where one is at hand: in a pod, or by a kubeconfig. A status without them is
 * one all the same, so this never fails, and has its time.
 */
import type { KubeApi } from "@koredump/kubernetes"
import { Config, Context, Effect, FileSystem, Layer, Option, Schema, type Scope } from "effect"
import { join } from "node:path"
import type { Connection } from "../commands/root.ts"
import { ServiceAccountDirectory } from "../connection/findToken.ts"
import { type KubeconfigOptions, readKubeContext } from "../connection/readKubeContext.ts"
import { type Deployed, deployedOf, KoredumpPods } from "./Deployment.ts"

/** Why nothing is known of the pods, in words. */
export interface NotDeployed {
  readonly lacking: string
}

/** What can go wrong is said, and nothing more. */
interface Said {
  readonly message: string
}

const timeout = "3 seconds"

/** An answer in any case, and in time. */
const answered = (ask: Effect.Effect<Deployed, Said>): Effect.Effect<Deployed | NotDeployed> =>
  ask.pipe(
    Effect.catch(({ message }) => Effect.succeed<NotDeployed>({ lacking: message })),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.succeed<NotDeployed>({ lacking: `Kubernetes did not answer within ${timeout}.` })
    })
  )

const inPod = Effect.gen(function*() {
  const host = yield* Effect.orDie(Config.option(Config.String("KUBERNETES_SERVICE_HOST")))
  if (Option.getOrElse(host, () => "") === "") return false
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.orElseSucceed(fs.exists(join(yield* ServiceAccountDirectory, "token")), () => false)
})

const decodePods = Schema.decodeUnknownOption(KoredumpPods)

const connect = Effect.fnUntraced(function*({ context, kubeconfig }: KubeconfigOptions) {
  // Large, and needed for this alone.
  const { KubeApi, layerKubeApi } = yield* Effect.promise(() => import("@koredump/kubernetes"))
  const built = yield* Layer.build(layerKubeApi({
    kubeconfig: Option.getOrUndefined(kubeconfig),
    context: Option.getOrUndefined(context)
  }))
  return Context.get(built, KubeApi)
})

/** Asks for the pods of this namespace. */
export const askKubernetes = ({ get, server }: KubeApi["Service"], namespace: string) => {
  const pods = Effect.fnUntraced(function*(labelSelector: string) {
    // Of any version: so the API server answers from its memory.
    const answer = yield* get(`/api/v1/namespaces/${namespace}/pods`, { labelSelector, resourceVersion: "0" })
    const decoded = decodePods(answer)
    return Option.isSome(decoded)
      ? decoded.value.items
      : yield* Effect.fail<Said>({ message: `The API server ${server} answered wrongly.` })
  })
  return Effect.all([pods("koredump.service=1"), pods("koredump.daemonset=1")], { concurrency: 2 }).pipe(
    Effect.map(([apiPods, nodePods]) => deployedOf({ server, namespace }, apiPods, nodePods)),
    answered
  )
}

/**
 * What asks for koredump's pods, ready to be run; none where no Kubernetes is at hand. All that takes this process's
 * time is done by then: a server that is asked meanwhile would seem slow.
 */
export const prepareKubernetes = Effect.fnUntraced(
  function*(connection: Connection): Effect.fn.Return<
    Option.Option<Effect.Effect<Deployed | NotDeployed>>,
    Said,
    FileSystem.FileSystem | Scope.Scope
  > {
    if (connection.local) return Option.none()
    const atHand = (yield* inPod) || Option.isSome(yield* readKubeContext(connection))
    return atHand ? Option.some(askKubernetes(yield* connect(connection), connection.koredumpNamespace)) : Option.none()
  },
  Effect.catch(({ message }) => Effect.succeedSome(Effect.succeed<NotDeployed>({ lacking: message })))
)
