/**
 * The command line as koredumpctl's users write it, brought into the form that the parser takes: the verb first, each
 * option by itself with its value attached. Bundled options (`-1d`), values attached to them (`-ndemo`), options before
 * the verb and the option `-1` (a negative number to the parser) all mean what they did in the Python koredump.
 */

/** Options that take no value. All others take one; the test holds this against the commands themselves. */
export const switches: ReadonlySet<string> = new Set([
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

/** See the module's text. What it does not understand it leaves to the parser to complain about. */
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
      // `=true`, or the parser would take a following word such as `true` for its value.
      else option(arg, switches.has(name) ? "true" : rest.shift())
    } else if (arg.startsWith("-") && arg.length > 1) {
      for (let i = 1; i < arg.length; i++) {
        const char = arg[i]!
        if (char === "1" || switches.has(char)) {
          option(shortNames[char] ?? `-${char}`, "true")
          continue
        }
        const attached = arg.slice(i + 1).replace(/^=/, "")
        option(`-${char}`, i + 1 < arg.length ? attached : rest.shift())
        break
      }
    } else words.push(arg)
  }

  const [verb, ...operands] = words
  // Everything that is no option comes after `--`: a core may be named `-1`, or `-x` after a `--` of the user's.
  return [
    ...(verb === undefined ? [] : [verb]),
    ...options,
    ...(operands.length === 0 ? [] : ["--", ...operands])
  ]
}
