/** Which server is asked. */
import { Config, Effect, Option } from "effect"
import type { Connection } from "../commands/root.ts"
import { type Failure, usage } from "../text/CommandError.ts"
import { visible } from "../text/escape.ts"

/** A server, and how it came to be this one. */
export interface Server {
  readonly url: string
  /** The user said it, on the command line or in `KOREDUMP_SERVER`. */
  readonly named: boolean
  /** We run in a pod, and this is koredump's Service of the same cluster. */
  readonly inCluster: boolean
}

/** The old koredumpctl's last resort, and where `koredump-server local` listens. */
const defaultServer = "http://127.0.0.1:5000"

const serviceUrl = (namespace: string) => `http://koreapi.${namespace}.svc.cluster.local`

const variable = (name: string) =>
  Effect.orDie(Effect.map(Config.option(Config.String(name)), Option.getOrElse(() => "")))

const checkUrl = (text: string): Effect.Effect<string, Failure> => {
  if (text.startsWith("unix:/")) return Effect.succeed(text)
  const url = URL.parse(text)
  if (url !== null && url.username + url.password + url.search + url.hash !== "") {
    return Effect.fail(usage("The server's URL can have no user, query or fragment.", "A token goes with --token."))
  }
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return Effect.succeed(text)
  return Effect.fail(usage(
    `The server's URL must begin with http://, https:// or unix:/, not "${visible(text)}".`,
    `For example: --server ${defaultServer}`
  ))
}

/** `--server`, else `KOREDUMP_SERVER`, else in a pod koredump's Service, else the one that a server on this host has. */
export const chooseServer = Effect.fnUntraced(
  function*({ koredumpNamespace, server }: Connection): Effect.fn.Return<Server, Failure> {
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(koredumpNamespace)) {
      return yield* usage(`There can be no namespace "${visible(koredumpNamespace)}".`, "See: --koredump-namespace")
    }
    const inPod = (yield* variable("KUBERNETES_SERVICE_HOST")) !== ""
    const text = Option.getOrElse(server, () => "") || (yield* variable("KOREDUMP_SERVER"))
    if (text === "") {
      return { url: inPod ? serviceUrl(koredumpNamespace) : defaultServer, named: false, inCluster: inPod }
    }
    const url = yield* checkUrl(text)
    const service = `koreapi.${koredumpNamespace}.svc`
    const hostname = URL.parse(url)?.hostname
    return {
      url,
      named: true,
      inCluster: inPod && (hostname === service || hostname === `${service}.cluster.local`)
    }
  }
)
