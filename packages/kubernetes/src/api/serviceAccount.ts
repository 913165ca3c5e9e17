import { errorCode, fileErrorText } from "@koredump/core"
import { Config, Effect, Option } from "effect"
import { readFileSync } from "node:fs"
import { isIPv6 } from "node:net"
import { join } from "node:path"
import { type KubeAccess, KubeConfigError } from "./KubeAccess.ts"

const defaultDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

const variable = (name: string) => Effect.orDie(Config.option(Config.String(name)))

/**
 * Access with the service account of this pod. The files are read for each request, because the token rotates. None
 * outside of a pod, and in a pod without a token.
 */
export const readServiceAccount = Effect.fnUntraced(function*(directory = defaultDirectory) {
  const host = yield* variable("KUBERNETES_SERVICE_HOST")
  const port = yield* variable("KUBERNETES_SERVICE_PORT")
  const read = (name: string) =>
    Effect.try({
      try: () => readFileSync(join(directory, name), "utf8"),
      catch: (error) =>
        new KubeConfigError({
          message: `Cannot read the service account file ${name}: ${
            fileErrorText(errorCode(error) ?? "unknown error")
          }.`
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
    onRejected: Effect.void
  })
})

/** Whether this process runs in a pod with a service account token. */
export const hasServiceAccount: Effect.Effect<boolean> = Effect.map(
  Effect.suspend(() => readServiceAccount()),
  Option.isSome
)
