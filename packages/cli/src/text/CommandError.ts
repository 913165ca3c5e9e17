import { Schema } from "effect"

/** Exit codes. Scripts rely on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** Some nodes are unreachable, or some downloads or deletions failed. */
  partial: 3,
  notFound: 4,
  notAllowed: 5,
  interrupted: 130
} as const

/** Why a command fails: its exit code, and what to print on stderr. */
export class CommandError extends Schema.TaggedError<CommandError>()("CommandError", {
  exitCode: Schema.Int,
  /** One or more sentences, with hidden characters escaped. Empty if everything has been printed already. */
  message: Schema.String,
  /** What to do about it. */
  hint: Schema.optionalKey(Schema.String)
}) {}

const make = (exitCode: number) => (message: string, hint?: string): CommandError =>
  new CommandError({ exitCode, message, ...(hint === undefined ? {} : { hint }) })

/** The command failed. */
export const failed = make(exitCodes.failed)

/** The command line is invalid. */
export const usage = make(exitCodes.usage)

/** The core does not exist, or is not stored. */
export const notFound = make(exitCodes.notFound)

/** The request is unauthorized or forbidden. */
export const notAllowed = make(exitCodes.notAllowed)

/** The command did only a part of its work. What is missing has been printed. */
export const partial = make(exitCodes.partial)("")

/** The error of a command for several cores, of which some failed. Each failure has been printed. */
export const toBatchError = (errors: ReadonlyArray<CommandError>, count: number): CommandError => {
  const [first] = errors
  return first !== undefined && errors.length === count && errors.every(({ exitCode }) => exitCode === first.exitCode)
    ? make(first.exitCode)("")
    : partial
}
