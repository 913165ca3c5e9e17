/** The root command: where the cores are, for all verbs. */
import type { Forbidden, Problem } from "@koredump/core"
import { Config, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Failure, fromProblem, isProblem } from "../Failure.ts"
import { flag } from "../flags.ts"

/** The options before or after any verb; verbs read them with `yield* root`. */
export const root = Command.make("koredumpctl").pipe(
  Command.withDescription("Find and fetch core dumps"),
  Command.withSharedFlags({
    server: Flag.String("server").pipe(
      Flag.withMetavar("URL"),
      Flag.withDescription("The koredump server; without it KOREDUMP_SERVER, else http://127.0.0.1:5000"),
      Flag.optional
    ),
    local: flag("local", "The cores of this host, without a server"),
    root: Flag.String("root").pipe(
      Flag.withMetavar("DIR"),
      Flag.withDescription("With --local: where the host's file system is mounted"),
      Flag.optional
    ),
    token: Flag.Redacted("token").pipe(
      Flag.withMetavar("TOKEN"),
      Flag.withDescription("Bearer token for the server; without it KOREDUMP_TOKEN"),
      Flag.withFallbackConfig(Config.Redacted("KOREDUMP_TOKEN")),
      Flag.optional
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
