import { toSingleLine } from "@koredump/core"
import { Console } from "effect"
import { type CliError, CliOutput } from "effect/cli"

/** The expected form in plain words, without a period. */
const describeExpected = (expected: string): string => {
  const text = expected.replace(/^Expected:? /, "").replace(/\.$/, "")
  if (text === "a string representing a finite number") return "an integer"
  // Choices: "a" | "b" | "c".
  return text.replaceAll("\"", "").replace(/ \| ([^|]+)$/, " or $1").replaceAll(" | ", ", ")
}

const describeError = (error: CliError.CliError): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `Unknown flag: ${error.option}.`
    case "UnknownSubcommand":
      return `Unknown mode: ${error.subcommand}.`
    case "InvalidValue": {
      const problem = error.value === ""
        ? `Missing value for flag --${error.option}.`
        : `Invalid value for flag --${error.option}: "${error.value}".`
      return `${problem} Expected: ${describeExpected(error.expected)}.`
    }
    default:
      return error.message.split("\n")[0]!.replace(/\.?$/, ".")
  }
}

/** Prints errors of the command line as one sentence with a hint. The default is the whole help page. */
export const usagePresenter: CliOutput.Presenter = {
  present: (event) => {
    const [error] = event._tag === "InvalidInvocation" ? event.errors : []
    if (event._tag !== "InvalidInvocation" || error === undefined) return CliOutput.defaultPresenter.present(event)
    return Console.error(
      `koredump-server: ${toSingleLine(describeError(error))}\n  See: ${event.commandPath.join(" ")} --help`
    )
  }
}
