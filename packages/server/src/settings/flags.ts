/**
 * The flags of the servers. Each flag has an environment variable (`--coredump-dir`: `KOREDUMP_COREDUMP_DIR`), a default
 * and one line of help. The flag has precedence over the variable.
 */
import { Config, Effect, Option, Schema } from "effect"
import { CliError, Flag } from "effect/cli"
import { variableName } from "./variableName.ts"

/** Reads an environment variable. None if it is unset or empty. */
export const readEnvironment = (name: string): Effect.Effect<Option.Option<string>> =>
  Config.String(name).pipe(
    Config.withDefault(""),
    Effect.orDie,
    Effect.map(Option.liftPredicate((text) => text !== ""))
  )

const describe = (name: string, help: string) => `${help} [${variableName(name)}]`

/** The text of an environment variable that has not been decoded yet. */
class VariableText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Reads the variable if the flag is absent. Invalid values fail with a sentence that names the variable. */
const withVariable =
  <A>(name: string, decode: Effect.Effect<A, unknown>, expected: string) => (flag: Flag.Flag<A>): Flag.Flag<A> =>
    flag.pipe(
      Flag.withFallbackConfig(Config.map(Config.String(variableName(name)), (text) => new VariableText(text))),
      Flag.mapEffect((value) =>
        value instanceof VariableText
          ? Effect.mapError(decode, () =>
            new CliError.ValidationError({
              message: `Invalid value for variable ${variableName(name)}: "${value.text}". Expected: ${expected}.`
            }))
          : Effect.succeed(value)
      )
    )

const formatChoices = (choices: ReadonlyArray<string>) => `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`

const text = (name: string, metavar: string, help: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(describe(name, help)),
    Flag.withFallbackConfig(Config.String(variableName(name)))
  )

const optionalText = (name: string, metavar: string, help: string) => Flag.optional(text(name, metavar, help))

/** A flag that can be repeated. Its variable contains values separated by commas. */
const repeatable = (name: string, metavar: string, help: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(describe(name, help)),
    Flag.atLeast(1),
    Flag.withFallbackConfig(Config.Array(Schema.String, variableName(name))),
    Flag.withDefault([] as ReadonlyArray<string>)
  )

const positive = "an integer greater than 0"
const isPositive = (n: number) => n > 0

const whole = (name: string, fallback: number, help: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(describe(name, `${help} (default ${fallback})`)),
    Flag.filter(isPositive, () => positive),
    withVariable(name, Effect.filterOrFail(Config.Int(variableName(name)), isPositive), positive),
    Flag.withDefault(fallback)
  )

const choice = <const A extends string>(name: string, choices: ReadonlyArray<A>, metavar: string, help: string) =>
  Flag.Literals(name, choices).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(describe(name, help)),
    withVariable(name, Config.Literals(choices, variableName(name)), formatChoices(choices))
  )

const onOff = (name: string, help: string) =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(describe(name, help)),
    Flag.withoutNegation,
    withVariable(name, Config.Boolean(variableName(name)), "true or false"),
    Flag.withDefault(false)
  )

const logLevels = ["trace", "debug", "info", "warning", "error", "none"] as const

/** The flags of all servers. */
export const commonFlags = {
  logLevel: choice("log-level", logLevels, "LEVEL", "Minimum log level (default info)").pipe(
    Flag.withDefault("info")
  ),
  logFormat: Flag.optional(
    choice("log-format", ["json", "pretty"], "FORMAT", "Log format (default json, pretty on a terminal)")
  ),
  gracePeriod: text("grace-period", "DURATION", "Time for running downloads at shutdown (default 30s)").pipe(
    Flag.withDefault("30s")
  ),
  maxDownloads: whole("max-downloads", 64, "Maximum concurrent downloads"),
  maxWatches: whole("max-watches", 1000, "Maximum concurrent watches"),
  maxChanges: whole("max-changes", 16_384, "Changes kept for watches"),
  memoryLimit: optionalText("memory-limit", "SIZE", "Memory limit (default: that of the container)")
}

/** The flags of the servers of one host. */
export const hostFlags = {
  root: text("root", "DIR", "Mount point of the host's file system (default /)").pipe(Flag.withDefault("/")),
  coredumpDir: optionalText("coredump-dir", "DIR", "Coredump directory (default <root>/var/lib/systemd/coredump)"),
  nodeName: optionalText("node-name", "NAME", "Name of this node (default NODE_NAME or host name)"),
  maxCores: whole("max-cores", 100_000, "Maximum cores in the index"),
  maxMissingAge: text("max-missing-age", "DURATION", "Age limit of missing cores (default 30d)").pipe(
    Flag.withDefault("30d")
  ),
  allowDelete: onOff("allow-delete", "Allow clients to delete cores")
}

/** The main address: `HOST:PORT`; for some servers also `unix:PATH`. */
export const listenFlag = (fallback: string, help: string) =>
  text("listen", "HOST:PORT", `${help} (default ${fallback})`).pipe(Flag.withDefault(fallback))

/** The address of probes and metrics. */
export const opsListenFlag = (fallback: string | undefined) => {
  const help = `Address of probes and metrics (default ${fallback ?? "not set"})`
  const flag = text("ops-listen", "HOST:PORT", help)
  return Flag.optional(fallback === undefined ? flag : flag.pipe(Flag.withDefault(fallback)))
}

/** The flags of the node agent only. */
export const nodeFlags = {
  stateDir: text("state-dir", "DIR", "State directory (default /var/lib/koredump)").pipe(
    Flag.withDefault("/var/lib/koredump")
  ),
  namespaceRegex: optionalText("namespace-regex", "RE", "Serve only namespaces that match as a whole")
}

/** The flags of the servers on the network: node agent and cluster server. */
export const networkFlags = {
  tlsCert: optionalText("tls-cert", "FILE", "TLS certificate chain (PEM)"),
  tlsKey: optionalText("tls-key", "FILE", "TLS private key (PEM)"),
  auth: Flag.optional(
    choice(
      "auth",
      ["kubernetes", "token-file", "none"],
      "MODE",
      "Authentication (default kubernetes in a cluster)"
    )
  ),
  tokenFile: optionalText("token-file", "FILE", "Token file: lines of token,user,uid,\"groups\""),
  authorization: Flag.optional(
    choice(
      "authorization",
      ["rbac", "authenticated"],
      "MODE",
      "Authorization (default rbac with --auth kubernetes)"
    )
  ),
  audience: repeatable("audience", "NAME", "Audience of accepted tokens (repeatable)"),
  kubeconfig: optionalText(
    "kubeconfig",
    "FILE",
    "Kubeconfig file (default KUBECONFIG, service account or ~/.kube/config)"
  ),
  insecureHttp: onOff("insecure-http", "Allow plain HTTP on all addresses"),
  insecureNoAuth: onOff("insecure-no-auth", "Allow --auth none on all addresses")
}

/** The flags of the cluster server only. */
export const clusterFlags = {
  node: repeatable("node", "NAME=URL", "Node agent (repeatable; default: discover them)"),
  namespace: optionalText("namespace", "NAME", "Namespace of the node agents (default: own namespace)"),
  nodePort: whole("node-port", 5001, "Port of the node agents"),
  nodeScheme: choice("node-scheme", ["https", "http"], "SCHEME", "URL scheme of the node agents (default https)").pipe(
    Flag.withDefault("https")
  ),
  nodeCa: optionalText("node-ca", "FILE", "CA certificates for the node agents (PEM)"),
  nodeServerName: optionalText("node-server-name", "NAME", "Name in the certificates of node agents"),
  nodeTokenFile: optionalText("node-token-file", "FILE", "Token for the node agents"),
  maxCores: whole("max-cores", 200_000, "Maximum cores in the index"),
  maxCoresPerNode: whole("max-cores-per-node", 10_000, "Maximum cores of one node"),
  allowDelete: onOff("allow-delete", "Allow deletion, if the node agent allows it too")
}
