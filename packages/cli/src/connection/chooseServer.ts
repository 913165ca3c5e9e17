import { Config, Effect, Option } from "effect"
import { type CommandError, usage } from "../text/CommandError.ts"
import { escapeHidden } from "../text/escape.ts"
import type { Connection } from "./Connection.ts"

/** A server, and how it was chosen. */
export interface ChosenServer {
  readonly url: string
  /** The user specified it, with `--server` or `KOREDUMP_SERVER`. */
  readonly isSpecified: boolean
  /** koredumpctl runs in a pod, and this is koredump's Service in the same cluster. */
  readonly isInCluster: boolean
}

/** Where `koredump-server local` listens. koredump 0.4 has the same default. */
const defaultServer = "http://127.0.0.1:5000"

const serviceUrl = (namespace: string) => `http://koreapi.${namespace}.svc.cluster.local`

const readVariable = (name: string) =>
  Effect.orDie(Effect.map(Config.option(Config.String(name)), Option.getOrElse(() => "")))

const checkUrl = (text: string): Effect.Effect<string, CommandError> => {
  if (text.startsWith("unix:/")) return Effect.succeed(text)
  const url = URL.parse(text)
  if (url !== null && url.username + url.password + url.search + url.hash !== "") {
    return Effect.fail(
      usage("Invalid server URL: a user, query or fragment is not allowed.", "Pass a token with --token.")
    )
  }
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return Effect.succeed(text)
  return Effect.fail(usage(
    `Invalid server URL "${escapeHidden(text)}": it must start with http://, https:// or unix:/.`,
    `Example: --server ${defaultServer}`
  ))
}

/** `--server`, then `KOREDUMP_SERVER`, then in a pod koredump's Service, then the local server's default address. */
export const chooseServer = Effect.fnUntraced(
  function*({ koredumpNamespace, server }: Connection): Effect.fn.Return<ChosenServer, CommandError> {
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(koredumpNamespace)) {
      return yield* usage(
        `Invalid namespace "${escapeHidden(koredumpNamespace)}".`,
        "Pass the namespace of koredump with --koredump-namespace."
      )
    }
    const inPod = (yield* readVariable("KUBERNETES_SERVICE_HOST")) !== ""
    const text = Option.getOrElse(server, () => "") || (yield* readVariable("KOREDUMP_SERVER"))
    if (text === "") {
      return { url: inPod ? serviceUrl(koredumpNamespace) : defaultServer, isSpecified: false, isInCluster: inPod }
    }
    const url = yield* checkUrl(text)
    const service = `koreapi.${koredumpNamespace}.svc`
    const hostname = URL.parse(url)?.hostname
    return {
      url,
      isSpecified: true,
      isInCluster: inPod && (hostname === service || hostname === `${service}.cluster.local`)
    }
  }
)
