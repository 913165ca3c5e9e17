/**
 * Finds the token to use if the user passes none and the server requires one: the token of the pod, of a service account,
 * or of the kubeconfig's user. Such a token gives access to a cluster. Therefore it is sent only to a server that the user
 * specified (or to koredump's Service in the same cluster), and never unencrypted over a network.
 */
import { isBearerToken, isLoopbackHost } from "@koredump/core"
import { Context, Effect, FileSystem, Option, Redacted } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { join } from "node:path"
import { describeFileError } from "../text/describeFileError.ts"
import { escapeHidden } from "../text/escape.ts"
import type { Screen } from "../text/Screen.ts"
import { toSentence, withoutPeriod } from "../text/sentence.ts"
import type { ChosenServer } from "./chooseServer.ts"
import type { Connection } from "./Connection.ts"
import { KubeconfigError } from "./KubeconfigError.ts"
import { type KubeContext, readKubeContext } from "./readKubeContext.ts"
import { runExecPlugin } from "./runExecPlugin.ts"
import { requestServiceAccountToken } from "./serviceAccountToken.ts"

/** A token, and where it comes from. */
export interface FoundToken {
  readonly token: Redacted.Redacted
  /** For messages: `the token of demo/reader` */
  readonly name: string
}

/** The directory with the token of the pod. */
export const ServiceAccountDirectory = Context.Reference<string>("@koredump/cli/ServiceAccountDirectory", {
  defaultValue: () => "/var/run/secrets/kubernetes.io/serviceaccount"
})

/** Why a token that was not passed for this server must not be sent to it. Undefined if it can be sent. */
export const findTokenRefusal = ({ isInCluster, isSpecified, url }: ChosenServer): string | undefined => {
  if (isInCluster) return undefined
  // Any program on this host can listen on the default port.
  if (!isSpecified) return "the server is only the default. Specify it with --server"
  if (url.startsWith("unix:")) return undefined
  const { hostname, protocol } = new URL(url)
  return protocol === "https:" || isLoopbackHost(hostname)
    ? undefined
    : "the connection is not encrypted. Use an https:// URL"
}

const fail = (message: string) => new KubeconfigError({ message })

const checkServer = (server: ChosenServer, name: string) => {
  const refusal = findTokenRefusal(server)
  return refusal === undefined
    ? Effect.void
    : fail(`${withoutPeriod(toSentence(name))} was not sent to ${escapeHidden(server.url)}: ${refusal}.`)
}

const readToken = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  return (yield* fs.readFileString(path)).trim()
})

/** Checks the characters here, because the error of an HTTP client would show the token. */
const toFoundToken = (text: string, name: string): Effect.Effect<Option.Option<FoundToken>, KubeconfigError> =>
  isBearerToken(text)
    ? Effect.succeedSome({ token: Redacted.make(text), name })
    : Effect.fail(fail(`Invalid token: ${name} contains characters that are not allowed, or is too long.`))

/** The token of the pod that koredumpctl runs in. None if the pod has no token. */
const findPodToken = Effect.gen(function*() {
  const text = yield* Effect.option(readToken(join(yield* ServiceAccountDirectory, "token")))
  return Option.isNone(text) || text.value === ""
    ? Option.none()
    : yield* toFoundToken(text.value, "the token of this pod's service account")
})

const whyNoToken = ({ user }: KubeContext): string => {
  if (user["auth-provider"] !== undefined && user["auth-provider"] !== null) {
    return "uses an auth-provider, which is not supported"
  }
  return user.exec !== undefined || user["client-certificate"] !== undefined ||
      user["client-certificate-data"] !== undefined
    ? "uses a client certificate, but koredump requires a token"
    : "has no token"
}

const findUserToken = Effect.fnUntraced(function*(context: KubeContext) {
  const { directory, name, user } = context
  const { exec, token, tokenFile } = user
  // The same order as in kubectl.
  if (typeof tokenFile === "string" && tokenFile !== "") {
    const path = tokenFile.startsWith("/") ? tokenFile : join(directory, tokenFile)
    return yield* Effect.mapError(
      readToken(path),
      (error) => fail(`Cannot read the kubeconfig's token file ${escapeHidden(path)}: ${describeFileError(error)}.`)
    )
  }
  if (typeof token === "string" && token !== "") return token
  if (typeof exec === "object" && exec !== null) {
    const printed = yield* runExecPlugin(exec, context)
    if (Option.isSome(printed)) return printed.value
  }
  return yield* fail(
    `Context "${escapeHidden(name)}" of the kubeconfig ${whyNoToken(context)}. ` +
      "Request a token with --as-service-account NAMESPACE/NAME."
  )
})

/** Finds a token. None if there is neither a pod nor a kubeconfig with a context. */
export const findToken = Effect.fnUntraced(
  function*(connection: Connection, server: ChosenServer): Effect.fn.Return<
    Option.Option<FoundToken>,
    KubeconfigError,
    ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Screen
  > {
    const { asServiceAccount, context, kubeconfig } = connection
    if (Option.isSome(asServiceAccount)) {
      const name = `the token of ${escapeHidden(asServiceAccount.value)}`
      yield* checkServer(server, name)
      return yield* toFoundToken(yield* requestServiceAccountToken(asServiceAccount.value, connection), name)
    }
    if (server.isInCluster && Option.isNone(kubeconfig) && Option.isNone(context)) {
      const token = yield* findPodToken
      if (Option.isSome(token)) return token
    }
    const found = yield* readKubeContext(connection)
    if (Option.isNone(found)) return Option.none()
    const name = `the token of the kubeconfig's context "${escapeHidden(found.value.name)}"`
    yield* checkServer(server, name)
    return yield* toFoundToken(yield* findUserToken(found.value), name)
  }
)
