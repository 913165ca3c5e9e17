/**
 * The token that koredumpctl finds by itself, where none is given and a server wants one: that of the pod it runs in,
 * of a service account, or of the kubeconfig's user. Such a token opens a cluster, so it goes to no server but one that
 * the user named (or the cluster's own Service), and not in the clear over a network.
 */
import { Context, Effect, FileSystem, Option, Redacted } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { join } from "node:path"
import type { Connection } from "../commands/root.ts"
import { visible } from "../text/escape.ts"
import type { Screen } from "../text/Screen.ts"
import type { Server } from "./chooseServer.ts"
import { KubeconfigError, type KubeContext, readKubeContext } from "./readKubeContext.ts"
import { runExecPlugin } from "./runExecPlugin.ts"
import { requestToken } from "./serviceAccountToken.ts"

/** A token, and whose it is, in words. */
export interface FoundToken {
  readonly token: Redacted.Redacted
  readonly whose: string
}

/** Where a pod's own token is. */
export const ServiceAccountDirectory = Context.Reference<string>("@koredump/cli/ServiceAccountDirectory", {
  defaultValue: () => "/var/run/secrets/kubernetes.io/serviceaccount"
})

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Why a token that was not given for this server is not sent to it; undefined where it may be. */
export const mayNotHave = ({ inCluster, named, url }: Server): string | undefined => {
  if (inCluster) return undefined
  if (!named) return "which was not named: any program of this host could be listening there. Name it with --server"
  if (url.startsWith("unix:")) return undefined
  const { hostname, protocol } = new URL(url)
  return protocol === "https:" || loopback.test(hostname) ? undefined : "for it would cross the network in the clear"
}

const refuse = (message: string) => new KubeconfigError({ message })

const guard = (server: Server, whose: string) => {
  const why = mayNotHave(server)
  return why === undefined ? Effect.void : refuse(`${whose} is not sent to ${visible(server.url)}, ${why}.`)
}

const readToken = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  return (yield* fs.readFileString(path)).trim()
})

/** What no header can hold would be shown by the error of whoever tries. */
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

const foundToken = (text: string, whose: string): Effect.Effect<Option.Option<FoundToken>, KubeconfigError> =>
  isToken(text)
    ? Effect.succeedSome({ token: Redacted.make(text), whose })
    : Effect.fail(refuse(`${whose} holds characters that no token can have.`))

/** The token of the pod that we run in, if it has one. */
const podToken = Effect.gen(function*() {
  const text = yield* Effect.option(readToken(join(yield* ServiceAccountDirectory, "token")))
  return Option.isNone(text) || text.value === ""
    ? Option.none()
    : yield* foundToken(text.value, "The token of this pod's service account")
})

const userToken = Effect.fnUntraced(function*(context: KubeContext) {
  const { directory, name, user } = context
  const { exec, token, tokenFile } = user
  // The order of kubectl: a token file is read again and again, a program is run where there is no token.
  if (typeof tokenFile === "string" && tokenFile !== "") {
    const path = tokenFile.startsWith("/") ? tokenFile : join(directory, tokenFile)
    return yield* Effect.mapError(
      readToken(path),
      ({ reason }) => refuse(`The kubeconfig's token file ${visible(path)} cannot be read: ${reason._tag}.`)
    )
  }
  if (typeof token === "string" && token !== "") return token
  if (typeof exec === "object" && exec !== null) {
    const given = yield* runExecPlugin(exec, context)
    if (Option.isSome(given)) return given.value
  }
  const has = user["auth-provider"] === undefined || user["auth-provider"] === null
    ? exec !== undefined || user["client-certificate"] !== undefined || user["client-certificate-data"] !== undefined
      ? "proves who you are by a certificate, and koredump takes tokens"
      : "has no token"
    : "has an auth-provider, which koredumpctl does not know"
  return yield* refuse(
    `The kubeconfig's context "${
      visible(name)
    }" ${has}: get a short-lived one with --as-service-account NAMESPACE/NAME.`
  )
})

/** See the module's text. None where there is nowhere to find one. */
export const findToken = Effect.fnUntraced(
  function*(connection: Connection, server: Server): Effect.fn.Return<
    Option.Option<FoundToken>,
    KubeconfigError,
    ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Screen
  > {
    const { asServiceAccount, context, kubeconfig } = connection
    if (Option.isSome(asServiceAccount)) {
      const whose = `The token of ${visible(asServiceAccount.value)}`
      yield* guard(server, whose)
      return yield* foundToken(yield* requestToken(asServiceAccount.value, connection), whose)
    }
    if (server.inCluster && Option.isNone(kubeconfig) && Option.isNone(context)) {
      const token = yield* podToken
      if (Option.isSome(token)) return token
    }
    const found = yield* readKubeContext(connection)
    if (Option.isNone(found)) return Option.none()
    const whose = `The token of the kubeconfig's context "${visible(found.value.name)}"`
    yield* guard(server, whose)
    return yield* foundToken(yield* userToken(found.value), whose)
  }
)
