import { Result } from "effect"

/**
 * Parses the setting that limits a node to certain namespaces. The result matches whole names; empty text gives undefined.
 * Fails with a sentence if the text is not a JavaScript regular expression with flag `u`. That flag rejects the syntax of
 * other languages (`\Z`, `{,3}`), which would otherwise match something else.
 */
export const parseNamespaceRegex = (text: string): Result.Result<RegExp | undefined, string> => {
  if (text === "") return Result.succeed(undefined)
  try {
    // Check it before it is wrapped: `a)|(b` is valid only inside parentheses.
    RegExp(text, "u")
    return Result.succeed(RegExp(`^(?:${text})$`, "u"))
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^.*: /s, "") : String(error)
    return Result.fail(`"${text}" is not a valid regular expression: ${reason}.`)
  }
}
