/** How a run of koredumpctl ends: the exit code, and one sentence with a hint on stderr. */
import { Problem } from "@koredump/core"
import { Cause, Exit, Schema } from "effect"
import { CliError } from "effect/cli"
import { visible } from "./escape.ts"

/** Exit codes; scripts rely on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Some nodes could not be reached, or some downloads failed. */
  partial: 3,
  notFound: 4,
  notAllowed: 5,
  interrupted: 130
} as const

/** Everything that can go wrong, ready to be said. */
export class Failure extends Schema.TaggedError<Failure>()("Failure", {
  exitCode: Schema.Int,
  /** One sentence, already harmless to a terminal. Empty where all has been said. */
  message: Schema.String,
  /** What to do about it. */
  hint: Schema.optionalKey(Schema.String)
}) {}

/** The command line is wrong. */
export const usage = (message: string, hint?: string): Failure =>
  new Failure({ exitCode: exitCodes.usage, message, ...(hint === undefined ? {} : { hint }) })

/** What was asked for does not exist. */
export const notFound = (message: string, hint?: string): Failure =>
  new Failure({ exitCode: exitCodes.notFound, message, ...(hint === undefined ? {} : { hint }) })

/** All that could be done is done and said, but it was not all. */
export const partial = new Failure({ exitCode: exitCodes.partial, message: "" })

/** How a run over several cores ends where some failed; each failure has been said. */
export const batchFailure = (failures: ReadonlyArray<Failure>, count: number): Failure => {
  const [first] = failures
  return first !== undefined && failures.length === count &&
      failures.every(({ exitCode }) => exitCode === first.exitCode)
    ? new Failure({ exitCode: first.exitCode, message: "" })
    : partial
}

/** Whether it is a problem that a source told. */
export const isProblem = Schema.is(Problem)

const sentence = (problem: Problem) => {
  const { detail, title } = problem as { readonly detail?: string; readonly title: string }
  return visible(detail ?? `${title}.`)
}

/** Reasons that sources know are no sentences yet. */
const asSentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.?$/, ".")

const coreName = (problem: { readonly node?: string; readonly id: string }) =>
  visible(problem.node === undefined ? problem.id : `${problem.id} on node ${problem.node}`)

const failed = (message: string, hint?: string) =>
  new Failure({ exitCode: exitCodes.failed, message, ...(hint === undefined ? {} : { hint }) })

const notAllowed = (message: string, hint: string) => new Failure({ exitCode: exitCodes.notAllowed, message, hint })

/** A problem that a source told, in words for the command line. */
export const fromProblem = (problem: Problem): Failure => {
  switch (problem._tag) {
    case "InvalidQuery":
      return usage(
        sentence(problem).replace(/^Parameter (?=\S)/, "Option --"),
        "See: koredumpctl list --help"
      )
    case "Unauthorized":
      return notAllowed(
        `The server wants a valid token. ${sentence(problem)}`,
        "Give one with --token or in KOREDUMP_TOKEN."
      )
    case "Forbidden":
      return notAllowed(`Not allowed: ${sentence(problem)}`, "Ask for a role with that right.")
    case "DeletionDisabled":
      return notAllowed(sentence(problem), "The server must be started with --allow-delete.")
    case "CoreNotFound":
      return notFound(`There is no core ${coreName(problem)}.`, "See what there is with: koredumpctl list")
    case "CoreNotStored":
      return notFound(
        `The core of this crash is not stored: ${coreName(problem)}. ${asSentence(sentence(problem))}`,
        "What is known of the crash: koredumpctl info"
      )
    case "RouteNotFound":
      return failed(`The server does not know this request. ${sentence(problem)}`, "Is the URL that of a koredump?")
    case "NodeFailed":
    case "NodeTimeout":
      return failed(
        sentence(problem),
        problem.node !== undefined
          ? "The other nodes may answer: try again, or choose with --node."
          : /\((?:[A-Z_]*CERT[A-Z_]*|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\)/.test(sentence(problem))
          ? "Say whom to believe with --certificate-authority FILE, and name the server as its certificate does."
          : "Name a server with --server URL or KOREDUMP_SERVER, or read this host's own cores with --local."
      )
    case "TooManyDownloads":
      return failed(sentence(problem), "Try again in a while.")
    case "NotReady":
      // What it waits for may come by itself, or only once somebody gives koredump a right that it lacks.
      return failed(sentence(problem), "If that does not pass in a while, the server's log says what it takes.")
    default:
      return failed(sentence(problem))
  }
}

/** The exit code of a run. */
export const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.ok
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "Some") {
    if (error.value instanceof Failure) return error.value.exitCode
    return CliError.isCliError(error.value) ? exitCodes.usage : exitCodes.failed
  }
  return Cause.hasInterruptsOnly(exit.cause) ? exitCodes.interrupted : exitCodes.failed
}
