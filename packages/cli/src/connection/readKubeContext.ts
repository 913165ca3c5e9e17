/**
 * What koredumpctl needs of a kubeconfig: the context's namespace and its user. Read here and not by the Kubernetes
 * client, which takes long to load. Files that name the same thing twice: the first counts, as with kubectl.
 */
import { Config, Effect, FileSystem, Option, Schema } from "effect"
import { homedir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { visible } from "../text/escape.ts"

/** The kubeconfig cannot be used: one sentence, in which nothing of the file's secrets is. */
export class KubeconfigError extends Schema.TaggedError<KubeconfigError>()("KubeconfigError", {
  message: Schema.String
}) {}

const optional = <S extends Schema.Top>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

/** A program that gets credentials (client.authentication.k8s.io). */
export const ExecPlugin = Schema.Struct({
  command: Schema.String,
  args: optional(Schema.Array(Schema.String)),
  env: optional(Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.String }))),
  apiVersion: optional(Schema.String),
  interactiveMode: optional(Schema.String),
  installHint: optional(Schema.String),
  provideClusterInfo: optional(Schema.Boolean)
})
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

/** A context, its user and its cluster. Relative paths are those of `directory`. */
export interface KubeContext {
  readonly name: string
  readonly namespace: string | undefined
  readonly user: typeof User.Type
  readonly cluster: typeof Cluster.Type
  /** Where the file is that has the user. */
  readonly directory: string
}

/** Which kubeconfig and context; without them those of kubectl. */
export interface KubeconfigOptions {
  readonly kubeconfig: Option.Option<string>
  readonly context: Option.Option<string>
}

const maxBytes = 16 * 1024 * 1024

const decode = Schema.decodeUnknownOption(Kubeconfig)

const refuse = (message: string) => new KubeconfigError({ message })

/** One file; none where there is none. */
const readFile = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.gen(function*() {
    const { size } = yield* fs.stat(path)
    if (size > maxBytes) return yield* refuse(`${visible(path)} is too large for a kubeconfig.`)
    return yield* fs.readFileString(path)
  }).pipe(
    Effect.asSome,
    Effect.catchTag("PlatformError", ({ reason }) =>
      reason._tag === "NotFound"
        ? Effect.succeedNone
        : Effect.fail(refuse(`The kubeconfig ${visible(path)} cannot be read: ${reason._tag}.`)))
  )
  if (Option.isNone(text)) return Option.none()
  // A bundle has the exports of a CommonJS package as its default alone.
  const { default: { parse } } = yield* Effect.promise(() => import("yaml"))
  // What the parser says would quote the file.
  const value = yield* Effect.try({
    try: (): unknown => parse(text.value) ?? {},
    catch: () => refuse(`The kubeconfig ${visible(path)} is no YAML.`)
  })
  const config = decode(value)
  if (Option.isNone(config)) return yield* refuse(`The file ${visible(path)} is no kubeconfig.`)
  return Option.some({ config: config.value, directory: dirname(path) })
})

const pathsOf = Effect.fnUntraced(function*({ kubeconfig }: KubeconfigOptions) {
  if (Option.isSome(kubeconfig)) return [kubeconfig.value]
  const variable = Option.getOrElse(yield* Effect.orDie(Config.option(Config.String("KUBECONFIG"))), () => "")
  const named = variable.split(delimiter).filter((path) => path !== "")
  return named.length > 0 ? named : [join(homedir(), ".kube", "config")]
})

/** The context of the kubeconfig; none where there is no kubeconfig, or none that names a context. */
export const readKubeContext = Effect.fnUntraced(
  function*(options: KubeconfigOptions): Effect.fn.Return<
    Option.Option<KubeContext>,
    KubeconfigError,
    FileSystem.FileSystem
  > {
    const files = (yield* Effect.forEach(yield* pathsOf(options), readFile)).flatMap(Option.toArray)
    if (files.length === 0 && Option.isSome(options.kubeconfig)) {
      return yield* refuse(`There is no kubeconfig ${visible(options.kubeconfig.value)}.`)
    }
    const current = files.map(({ config }) => config["current-context"] ?? "").find((name) => name !== "")
    const name = Option.getOrElse(options.context, () => current)
    if (name === undefined) return Option.none()
    const context = files.flatMap(({ config }) => config.contexts ?? []).find((entry) => entry.name === name)?.context
    if (context === undefined || context === null) {
      return yield* refuse(`The kubeconfig has no context "${visible(name)}".`)
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
