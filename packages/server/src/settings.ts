/**
 * The settings of the servers: each has one flag, one variable (`--coredump-dir` = `KOREDUMP_COREDUMP_DIR`; the flag
 * wins), one default, one line of help.
 */
import { Config } from "effect"
import { Flag } from "effect/cli"

const variable = (name: string) => `KOREDUMP_${name.toUpperCase().replaceAll("-", "_")}`

const described = (name: string, help: string) => `${help} [${variable(name)}]`

const text = (name: string, metavar: string, help: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(described(name, help)),
    Flag.withFallbackConfig(Config.String(variable(name)))
  )

const optionalText = (name: string, metavar: string, help: string) => Flag.optional(text(name, metavar, help))

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
  maxWatches: whole("max-watches", 1000, "Watches at once; more get 429")
}

/** Of servers of one host. */
export const hostFlags = {
  root: text("root", "DIR", "Where the host's file system is mounted (/)").pipe(Flag.withDefault("/")),
  coredumpDir: optionalText("coredump-dir", "DIR", "The directory of the cores (<root>/var/lib/systemd/coredump)"),
  nodeName: optionalText("node-name", "NAME", "The name of this node (NODE_NAME, else the host's name)"),
  maxCores: whole("max-cores", 100_000, "Cores known at once; the oldest that are missing go first"),
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

/** Of servers that others reach over the network. */
export const networkFlags = {
  tlsCert: optionalText("tls-cert", "FILE", "Certificate chain, PEM"),
  tlsKey: optionalText("tls-key", "FILE", "Its private key, PEM"),
  auth: Flag.optional(choice("auth", ["kubernetes", "token-file", "none"], "How callers prove who they are")),
  tokenFile: optionalText("token-file", "FILE", "Tokens for --auth token-file, a line each: token,user,uid,\"groups\""),
  authorization: choice(
    "authorization",
    ["rbac", "authenticated"],
    "Who may see what; with --auth token-file every accepted caller sees all (authenticated)"
  ).pipe(Flag.withDefault("authenticated")),
  insecureHttp: onOff("insecure-http", "Speak plain HTTP beyond loopback"),
  insecureNoAuth: onOff("insecure-no-auth", "Allow --auth none beyond loopback: everyone there can read all cores")
}
