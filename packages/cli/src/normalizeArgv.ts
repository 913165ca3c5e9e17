/** Options without a value. All other options have one. A test compares this set with the commands. */
export const booleanOptions: ReadonlySet<string> = new Set([
  "A",
  "a",
  "all",
  "all-namespaces",
  "d",
  "decompress",
  "h",
  "help",
  "local",
  "newest",
  "r",
  "reverse",
  "v",
  "verbose",
  "version",
  "w",
  "watch",
  "y",
  "yes"
])

const shortNames: Readonly<Record<string, string>> = { 1: "--newest" }

/**
 * Converts a command line to the form that the parser supports: the command first, then separate options with their values
 * attached. As in koredump 0.4, users can combine short options (`-1d`), attach values (`-ndemo`), place options before the
 * command, and use `-1` (which the parser takes for a number). Unknown options are left for the parser to report.
 */
export const normalizeArgv = (argv: ReadonlyArray<string>): ReadonlyArray<string> => {
  const options: Array<string> = []
  const words: Array<string> = []
  const rest = [...argv]

  const option = (name: string, value: string | undefined) => {
    if (value === undefined) options.push(name)
    else options.push(`${name}=${value}`)
  }

  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      words.push(...rest)
      break
    } else if (arg.startsWith("--")) {
      const name = arg.slice(2)
      if (name.includes("=")) options.push(arg)
      // Without `=true`, the parser would take a following word such as `true` as the value.
      else option(arg, booleanOptions.has(name) ? "true" : rest.shift())
    } else if (arg.startsWith("-") && arg.length > 1) {
      for (let i = 1; i < arg.length; i++) {
        const char = arg[i]!
        if (char === "1" || booleanOptions.has(char)) {
          option(shortNames[char] ?? `-${char}`, "true")
          continue
        }
        const attached = arg.slice(i + 1).replace(/^=/, "")
        option(`-${char}`, i + 1 < arg.length ? attached : rest.shift())
        break
      }
    } else words.push(arg)
  }

  const [command, ...operands] = words
  // Operands come after `--`, because a program can be named `-x`.
  return [
    ...(command === undefined ? [] : [command]),
    ...options,
    ...(operands.length === 0 ? [] : ["--", ...operands])
  ]
}
