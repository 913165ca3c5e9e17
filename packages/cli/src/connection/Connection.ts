import { type Command, Flag } from "effect/cli"
import { booleanFlag } from "./booleanFlag.ts"
import { isServiceAccountName } from "./serviceAccountToken.ts"

const textFlag = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** The flags that all commands have: where the cores come from. */
export const connectionFlags = {
  server: textFlag(
    "server",
    "URL",
    "URL of the koredump server (default: KOREDUMP_SERVER; in a pod, koredump's Service; otherwise http://127.0.0.1:5000)"
  ),
  local: booleanFlag("local", "Read the cores of this host, without a server"),
  root: textFlag("root", "DIR", "Directory where the host's file system is mounted (requires --local)"),
  token: Flag.Redacted("token").pipe(
    Flag.withMetavar("TOKEN"),
    Flag.withDescription("Bearer token (default: KOREDUMP_TOKEN, then the token of the pod or kubeconfig)"),
    Flag.optional
  ),
  kubeconfig: textFlag(
    "kubeconfig",
    "FILE",
    "Kubeconfig for the token, and for status (default: KUBECONFIG, then ~/.kube/config)"
  ),
  context: textFlag("context", "NAME", "Kubeconfig context (default: the current context)"),
  asServiceAccount: Flag.String("as-service-account").pipe(
    Flag.withMetavar("NAMESPACE/NAME"),
    Flag.withDescription("Request a short-lived token for this service account"),
    Flag.filter(isServiceAccountName, () => "NAMESPACE/NAME"),
    Flag.optional
  ),
  certificateAuthority: textFlag(
    "certificate-authority",
    "FILE",
    "CA certificates of the server, in PEM format (default: KOREDUMP_CERTIFICATE_AUTHORITY, then public CAs)"
  ),
  koredumpNamespace: Flag.String("koredump-namespace").pipe(
    Flag.withMetavar("NAMESPACE"),
    Flag.withDescription("Namespace of koredump's Service and pods (default: koredump)"),
    Flag.withDefault("koredump")
  ),
  verbose: booleanFlag("verbose", "Print each request to the server on stderr").pipe(Flag.withAlias("v"))
} as const

/** The values of {@link connectionFlags}. */
export type Connection = Command.Command.Config.Infer<typeof connectionFlags>
