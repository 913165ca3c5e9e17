/** The expression by which a node shows only cores of certain namespaces. */
import { Result } from "effect"

/**
 * An expression as a setting gives it, ready to be matched against whole names; nothing where it is empty; a sentence
 * where it cannot be used. With flag `u`, so that what JavaScript does not know (`\Z`, `{,3}`) is refused and not
 * taken for something else.
 */
export const parseNamespaceRegex = (text: string): Result.Result<RegExp | undefined, string> => {
  if (text === "") return Result.succeed(undefined)
  try {
    // On its own first: wrapped, `a)|(b` would be an expression too.
    RegExp(text, "u")
    return Result.succeed(RegExp(`^(?:${text})$`, "u"))
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*: /s, "") : String(error)
    return Result.fail(`"${text}" is no regular expression of JavaScript: ${why}.`)
  }
}
