/** Prints data to stdout, and notices and errors to stderr. */
import { Console, Effect } from "effect"
import { Screen } from "./Screen.ts"
import { paint } from "./terminalText.ts"

/** Prints data. Prints nothing for an empty text. */
export const print = (text: string): Effect.Effect<void> => text === "" ? Effect.void : Console.log(text)

/** Prints a notice to stderr: a sentence that is neither data nor an error. Yellow on a terminal. */
export const printNotice = (sentence: string): Effect.Effect<void, never, Screen> =>
  Screen.use(({ color, stderr }) => Console.error(paint(sentence, 33, color && stderr !== undefined)))

/** Prints an error to stderr, with a hint on the next line. */
export const printError = (message: string, hint: string | undefined): Effect.Effect<void, never, Screen> =>
  Screen.use(({ color, stderr }) =>
    Console.error([
      `${paint("koredumpctl:", 31, color && stderr !== undefined)} ${message}`,
      ...(hint === undefined ? [] : [`  ${hint}`])
    ].join("\n"))
  )
