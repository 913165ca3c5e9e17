/**
 * Reads a context of the kubeconfig, with its namespace and user. This does not use the Kubernetes client, because that is
 * slow to load. If several files define the same name, the first one wins, as in kubectl.
 */
import { Config, Effect, FileSystem, Option, Schema } from "effect"
import { homedir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { describeFileError } from "../text/describeFileError.ts"
import { escapeHidden } from "../text/escape.ts"
import { KubeconfigError } from "./KubeconfigError.ts"

const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const ExecPlugin = Schema.Struct({
  command: Schema.String,
  args: optional(Schema.Array(Schema.String)),
  env: optional(Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.String }))),
  apiVersion: optional(Schema.String),
  interactiveMode: optional(Schema.String),
  installHint: optional(Schema.String),
  provideClusterInfo: optional(Schema.Boolean)
})

/** A program that prints credentials (client.authentication.k8s.io). */
export type ExecPlugin = typeof ExecPlugin.Type

const User = Schema.Struct({
  token: optional(Schema.String),
  tokenFile: optional(Schema.String),
  exec: optional(ExecPlugin),
  "auth-provider": optional(Schema.Unknown),
  "client-certificate": optional(Schema.String),
  "client-certificate-data": optional(Schema.String)
})

const Cluster = Schema.Struct({
  server: optional(Schema.String),
  "certificate-authority-data": optional(Schema.String),
  "tls-server-name": optional(Schema.String)
})

const Context = Schema.Struct({
  user: optional(Schema.String),
  cluster: optional(Schema.String),
  namespace: optional(Schema.String)
})

const Kubeconfig = Schema.Struct({
  "current-context": optional(Schema.String),
  contexts: optional(Schema.Array(Schema.Struct({ name: Schema.String, context: optional(Context) }))),
  users: optional(Schema.Array(Schema.Struct({ name: Schema.String, user: optional(User) }))),
  clusters: optional(Schema.Array(Schema.Struct({ name: Schema.String, cluster: optional(Cluster) })))
})

/** A context with its user and cluster. */
export interface KubeContext {
  readonly name: string
  readonly namespace: string | undefined
  readonly user: typeof User.Type
  readonly cluster: typeof Cluster.Type
  /** The directory of the file that defines the user. Paths in the user are relative to it. */
  readonly directory: string
}

/** Selects the kubeconfig and the context. Default: as in kubectl. */
export interface KubeconfigOptions {
  readonly kubeconfig: Option.Option<string>
  readonly context: Option.Option<string>
}

const maxBytes = 16 * 1024 * 1024

const decode = Schema.decodeUnknownOption(Kubeconfig)

const fail = (message: string) => new KubeconfigError({ message })

/** Reads one file. None if it does not exist. */
const readFile = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.gen(function*() {
    const { size } = yield* fs.stat(path)
    if (size > maxBytes) return yield* fail(`Kubeconfig ${escapeHidden(path)} is larger than 16 MiB.`)
    return yield* fs.readFileString(path)
  }).pipe(
    Effect.asSome,
    Effect.catchTag("PlatformError", (error) =>
      error.reason._tag === "NotFound"
        ? Effect.succeedNone
        : Effect.fail(fail(`Cannot read kubeconfig ${escapeHidden(path)}: ${describeFileError(error)}.`)))
  )
  if (Option.isNone(text)) return Option.none()
  // In a bundle, a CommonJS package has only a default export.
  const { default: { parse } } = yield* Effect.promise(() => import("yaml"))
  // The parser's message would quote the file.
  const value = yield* Effect.try({
    try: (): unknown => parse(text.value) ?? {},
    catch: () => fail(`Kubeconfig ${escapeHidden(path)} is not valid YAML.`)
  })
  const config = decode(value)
  if (Option.isNone(config)) return yield* fail(`File ${escapeHidden(path)} is not a kubeconfig.`)
  return Option.some({ config: config.value, directory: dirname(path) })
})

const findPaths = Effect.fnUntraced(function*({ kubeconfig }: KubeconfigOptions) {
  if (Option.isSome(kubeconfig)) return [kubeconfig.value]
  const variable = Option.getOrElse(yield* Effect.orDie(Config.option(Config.String("KUBECONFIG"))), () => "")
  const named = variable.split(delimiter).filter((path) => path !== "")
  return named.length > 0 ? named : [join(homedir(), ".kube", "config")]
})

/** Reads the context. None if there is no kubeconfig or it has no current context. */
export const readKubeContext = Effect.fnUntraced(
  function*(options: KubeconfigOptions): Effect.fn.Return<
    Option.Option<KubeContext>,
    KubeconfigError,
    FileSystem.FileSystem
  > {
    const files = (yield* Effect.forEach(yield* findPaths(options), readFile)).flatMap(Option.toArray)
    if (files.length === 0 && Option.isSome(options.kubeconfig)) {
      return yield* fail(`Kubeconfig not found: ${escapeHidden(options.kubeconfig.value)}.`)
    }
    const current = files.map(({ config }) => config["current-context"] ?? "").find((name) => name !== "")
    const name = Option.getOrElse(options.context, () => current)
    if (name === undefined) return Option.none()
    const context = files.flatMap(({ config }) => config.contexts ?? []).find((entry) => entry.name === name)?.context
    if (context === undefined || context === null) {
      return yield* fail(`Context "${escapeHidden(name)}" not found in the kubeconfig.`)
    }
    const user = files.flatMap(({ config, directory }) =>
      (config.users ?? []).map(({ name, user }) => ({ name, user, directory }))
    ).find((entry) => entry.name === context.user)
    const cluster = files.flatMap(({ config }) => config.clusters ?? []).find((entry) => entry.name === context.cluster)
    return Option.some({
      name,
      namespace: context.namespace ?? undefined,
      user: user?.user ?? {},
      cluster: cluster?.cluster ?? {},
      directory: user?.directory ?? "."
    })
  }
)
