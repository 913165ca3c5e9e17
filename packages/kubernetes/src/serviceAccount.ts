/** Access by the service account of the pod that this runs in. Its files are read for each request: its token rotates. */
import { Config, Effect, Option } from "effect"
import { readFileSync } from "node:fs"
import { isIPv6 } from "node:net"
import { join } from "node:path"
import { type KubeAccess, KubeConfigError } from "./KubeAccess.ts"

const defaultDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

const variable = (name: string) => Effect.orDie(Config.option(Config.String(name)))

/** None where this is no pod, or one without a service account's token. */
export const accessByServiceAccount = Effect.fnUntraced(function*(directory = defaultDirectory) {
  const host = yield* variable("KUBERNETES_SERVICE_HOST")
  const port = yield* variable("KUBERNETES_SERVICE_PORT")
  const read = (name: string) =>
    Effect.try({
      try: () => readFileSync(join(directory, name), "utf8"),
      catch: (error) =>
        new KubeConfigError({
          message: `The service account's ${name} cannot be read: ${(error as NodeJS.ErrnoException).code}.`
        })
    })
  const namespace = yield* Effect.option(read("namespace"))
  const token = yield* Effect.option(read("token"))
  if (Option.isNone(host) || Option.isNone(token)) return Option.none<KubeAccess>()
  const name = isIPv6(host.value) ? `[${host.value}]` : host.value
  return Option.some<KubeAccess>({
    server: `https://${name}:${Option.getOrElse(port, () => "443")}`,
    namespace: Option.getOrUndefined(namespace)?.trim(),
    credentials: Effect.gen(function*() {
      return {
        tls: { ca: yield* read("ca.crt") },
        proxy: undefined,
        headers: { Authorization: `Bearer ${(yield* read("token")).trim()}` }
      }
    }),
    refused: Effect.void
  })
})

/** Whether this is a pod with a service account's token. */
export const hasServiceAccount: Effect.Effect<boolean> = Effect.map(
  Effect.suspend(() => accessByServiceAccount()),
  Option.isSome
)
