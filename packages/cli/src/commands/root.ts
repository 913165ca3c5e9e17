/** The root command: where the cores are, for all verbs. */
import type { Forbidden, Problem } from "@koredump/core"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { isServiceAccount } from "../connection/serviceAccountToken.ts"
import { flag } from "../cores/flags.ts"
import { Failure, fromProblem, isProblem } from "../text/CommandError.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

/** The options before or after any verb; verbs read them with `yield* root`. */
export const root = Command.make("koredumpctl").pipe(
  Command.withDescription("Find and fetch core dumps"),
  Command.withSharedFlags({
    server: text(
      "server",
      "URL",
      "The koredump server; without it KOREDUMP_SERVER, in a pod koredump's own Service, " +
        "else http://127.0.0.1:5000"
    ),
    local: flag("local", "The cores of this host, without a server"),
    root: text("root", "DIR", "With --local: where the host's file system is mounted"),
    token: Flag.Redacted("token").pipe(
      Flag.withMetavar("TOKEN"),
      Flag.withDescription(
        "Bearer token for the server; without it KOREDUMP_TOKEN, else that of the pod or kubeconfig"
      ),
      Flag.optional
    ),
    kubeconfig: text(
      "kubeconfig",
      "FILE",
      "Where a token, and for status the cluster, is looked for; without it KUBECONFIG, else ~/.kube/config"
    ),
    context: text("context", "NAME", "The kubeconfig's context; without it the current one"),
    asServiceAccount: Flag.String("as-service-account").pipe(
      Flag.withMetavar("NAMESPACE/NAME"),
      Flag.withDescription("Get a short-lived token of this service account"),
      Flag.filter(isServiceAccount, () => "NAMESPACE/NAME"),
      Flag.optional
    ),
    certificateAuthority: text(
      "certificate-authority",
      "FILE",
      "Certificates to verify the server's by; without it " +
        "KOREDUMP_CERTIFICATE_AUTHORITY, else those of public authorities"
    ),
    koredumpNamespace: Flag.String("koredump-namespace").pipe(
      Flag.withMetavar("NAMESPACE"),
      Flag.withDescription("The namespace of koredump's own Service and pods"),
      Flag.withDefault("koredump")
    ),
    verbose: flag("verbose", "Say on stderr what is asked of the server").pipe(Flag.withAlias("v"))
  })
)

/** What the root's options say. */
export type Connection = Effect.Success<typeof root>

/** What nodes there are is for those who may list the cores that belong to no pod. */
export const nodesForbidden = (problem: Forbidden): Failure => {
  const { exitCode, message } = fromProblem(problem)
  return new Failure({
    exitCode,
    message,
    hint: "Nodes are shown to those who may list nodecoredumps (API group koredump.dev)."
  })
}

/** Puts problems of the source into words. */
export const explained = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.mapError(
    effect,
    (error): Exclude<E, Problem> | Failure => isProblem(error) ? fromProblem(error) : error as Exclude<E, Problem>
  )
