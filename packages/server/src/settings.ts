/**
 * The settings of the servers: each has one flag, one variable (`--coredump-dir` = `KOREDUMP_COREDUMP_DIR`; the flag
 * wins), one default, one line of help.
 */
import { Config, Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"

const variable = (name: string) => `KOREDUMP_${name.toUpperCase().replaceAll("-", "_")}`

/** A variable that is not koredump's own; nothing where it is empty. */
export const environment = (name: string): Effect.Effect<Option.Option<string>> =>
  Config.String(name).pipe(
    Config.withDefault(""),
    Effect.orDie,
    Effect.map(Option.liftPredicate((text) => text !== ""))
  )

const described = (name: string, help: string) => `${help} [${variable(name)}]`

const text = (name: string, metavar: string, help: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(described(name, help)),
    Flag.withFallbackConfig(Config.String(variable(name)))
  )

const optionalText = (name: string, metavar: string, help: string) => Flag.optional(text(name, metavar, help))

/** May be given several times; the variable has commas between. */
const repeatable = (name: string, metavar: string, help: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(described(name, `${help} (repeatable)`)),
    Flag.atLeast(1),
    Flag.withFallbackConfig(Config.Array(Schema.String, variable(name))),
    Flag.withDefault([] as ReadonlyArray<string>)
  )

const whole = (name: string, fallback: number, help: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(described(name, `${help} (${fallback})`)),
    Flag.withFallbackConfig(Config.Int(variable(name))),
    Flag.withDefault(fallback),
    Flag.filter((n) => n > 0, () => `--${name} must be greater than 0`)
  )

const choice = <const A extends string>(name: string, choices: ReadonlyArray<A>, help: string) =>
  Flag.Literals(name, choices).pipe(
    Flag.withDescription(described(name, help)),
    Flag.withFallbackConfig(Config.Literals(choices, variable(name)))
  )

const onOff = (name: string, help: string) =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(described(name, help)),
    Flag.withoutNegation,
    Flag.withFallbackConfig(Config.Boolean(variable(name))),
    Flag.withDefault(false)
  )

const logLevels = ["trace", "debug", "info", "warning", "error", "none"] as const

/** Of all servers. */
export const commonFlags = {
  logLevel: choice("log-level", logLevels, "How much to log (info)").pipe(Flag.withDefault("info")),
  logFormat: Flag.optional(choice("log-format", ["json", "pretty"], "Form of the log (json; pretty on a terminal)")),
  gracePeriod: text("grace-period", "DURATION", "How long running downloads may finish at shutdown (30s)").pipe(
    Flag.withDefault("30s")
  ),
  maxDownloads: whole("max-downloads", 64, "Downloads at once; more get 429"),
  maxWatches: whole("max-watches", 1000, "Watches at once; more get 429"),
  maxChanges: whole("max-changes", 16_384, "Changes kept for watches; one that falls further behind ends")
}

/** Of servers of one host. */
export const hostFlags = {
  root: text("root", "DIR", "Where the host's file system is mounted (/)").pipe(Flag.withDefault("/")),
  coredumpDir: optionalText("coredump-dir", "DIR", "The directory of the cores (<root>/var/lib/systemd/coredump)"),
  nodeName: optionalText("node-name", "NAME", "The name of this node (NODE_NAME, else the host's name)"),
  maxCores: whole("max-cores", 100_000, "Cores known at once; the oldest that are missing go first"),
  maxMissingAge: text("max-missing-age", "DURATION", "How long crashes without a core are known (30d)").pipe(
    Flag.withDefault("30d")
  ),
  allowDelete: onOff("allow-delete", "Let clients delete cores")
}

/** Where to listen: `HOST:PORT` (port 0: any), for some also `unix:PATH`. */
export const listenFlag = (fallback: string, help: string) =>
  text("listen", "HOST:PORT", `${help} (${fallback})`).pipe(Flag.withDefault(fallback))

/** The address of probes and metrics. */
export const opsListenFlag = (fallback: string | undefined) => {
  const flag = text("ops-listen", "HOST:PORT", `Address of /livez, /readyz and /metrics (${fallback ?? "off"})`)
  return Flag.optional(fallback === undefined ? flag : flag.pipe(Flag.withDefault(fallback)))
}

/** Of the servers of one host that callers on the network reach. */
export const nodeFlags = {
  stateDir: text("state-dir", "DIR", "Where it keeps which pod a core was of (/var/lib/koredump)").pipe(
    Flag.withDefault("/var/lib/koredump")
  ),
  namespaceRegex: optionalText("namespace-regex", "RE", "Serve only cores of namespaces whose whole name matches")
}

/** Of servers that others reach over the network. */
export const networkFlags = {
  tlsCert: optionalText("tls-cert", "FILE", "Certificate chain, PEM"),
  tlsKey: optionalText("tls-key", "FILE", "Its private key, PEM"),
  auth: Flag.optional(
    choice(
      "auth",
      ["kubernetes", "token-file", "none"],
      "How callers prove who they are (kubernetes in a cluster, else it must be said)"
    )
  ),
  tokenFile: optionalText("token-file", "FILE", "Tokens for --auth token-file, a line each: token,user,uid,\"groups\""),
  authorization: Flag.optional(
    choice(
      "authorization",
      ["rbac", "authenticated"],
      "Who may see what: as Kubernetes' roles say, or every accepted caller all (rbac with --auth kubernetes)"
    )
  ),
  audience: repeatable("audience", "NAME", "Audiences of tokens that are accepted"),
  kubeconfig: optionalText("kubeconfig", "FILE", "How to reach Kubernetes (in a cluster the pod's service account)"),
  insecureHttp: onOff("insecure-http", "Speak plain HTTP beyond loopback"),
  insecureNoAuth: onOff("insecure-no-auth", "Allow --auth none beyond loopback: everyone there can read all cores")
}

/** Of the cluster server: which nodes there are, and how to reach them. */
export const clusterFlags = {
  node: repeatable("node", "NAME=URL", "A node and the address of its server; without any Kubernetes tells them"),
  namespace: optionalText("namespace", "NAME", "Where koredump's own pods are (the namespace of this pod)"),
  nodePort: whole("node-port", 5001, "Port of the servers on the nodes"),
  nodeScheme: choice("node-scheme", ["https", "http"], "How they are spoken to (https)").pipe(
    Flag.withDefault("https")
  ),
  nodeCa: optionalText("node-ca", "FILE", "Certificate authority of their certificates, PEM (those that Node knows)"),
  nodeServerName: optionalText("node-server-name", "NAME", "The name in their certificates (their address)"),
  nodeTokenFile: optionalText("node-token-file", "FILE", "The token that is sent to them, read anew as it changes"),
  maxCores: whole("max-cores", 200_000, "Cores known at once; the oldest that are missing go first"),
  maxCoresPerNode: whole("max-cores-per-node", 10_000, "Cores known of one node at once"),
  allowDelete: onOff("allow-delete", "Let clients delete cores, where the node allows it too")
}
