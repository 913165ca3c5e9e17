/** Flags that several commands share, and their conversion to a query. */
import { type CoreQuery, decodeCoreQuery, filterFields } from "@koredump/core"
import { Context, Effect } from "effect"
import { Argument, Flag } from "effect/cli"
import { booleanFlag } from "../connection/booleanFlag.ts"
import { type CommandError, usage } from "../text/CommandError.ts"
import { escapeHidden } from "../text/escape.ts"
import { toSentence } from "../text/sentence.ts"

type FilterName = Exclude<keyof typeof filterFields, "id">

const aliases: Partial<Record<FilterName, string>> = { namespace: "n", pod: "p" }
const notes: Partial<Record<FilterName, string>> = { state: " (default: any)" }

const makeFilterFlag = (name: FilterName) => {
  const { help, metavar } = filterFields[name]
  const alias = aliases[name]
  const flag = Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(help + (notes[name] ?? "")),
    Flag.atLeast(0)
  )
  return alias === undefined ? flag : Flag.withAlias(flag, alias)
}

const filterNames = Object.keys(filterFields).filter((name): name is FilterName => name !== "id")

/** The filters of the REST API as flags. Cores are named by arguments, so `id` is no flag. */
export const filterFlags = Object.fromEntries(filterNames.map((name) => [name, makeFilterFlag(name)])) as {
  readonly [Name in FilterName]: ReturnType<typeof makeFilterFlag>
}

/** The values of {@link filterFlags}. */
type FilterValues = { readonly [Name in FilterName]: ReadonlyArray<string> }

/** Selects the newest of several cores. */
export const newestFlag = booleanFlag("newest", "Select only the newest core (also: -1)")

/** Needed only as a kubectl plugin: otherwise all namespaces are the default. */
export const allNamespacesFlag = booleanFlag(
  "all-namespaces",
  "Select all namespaces (default, except as a kubectl plugin)"
).pipe(Flag.withAlias("A"))

/** The arguments and flags that select cores: names, filters, the newest core, or all cores. */
export const selectionFlags = {
  core: Argument.String("core").pipe(
    Argument.withDescription(
      "NODE ID, or one or more of: core ID (or its beginning), process ID, program name or path"
    ),
    Argument.atLeast(0)
  ),
  ...filterFlags,
  newest: newestFlag,
  all: booleanFlag("all", "Select all cores that match the filters").pipe(Flag.withAlias("a")),
  allNamespaces: allNamespacesFlag
} as const

/** Fails if no core is selected, or if the flags contradict each other. `hint` refers to the help of the command. */
export const checkSelection = (
  { all, core, newest, ...filter }: FilterValues & {
    readonly all: boolean
    readonly core: ReadonlyArray<string>
    readonly newest: boolean
  },
  hint: string
): Effect.Effect<void, CommandError> => {
  if (all && newest) return Effect.fail(usage("Flags -1 and -a cannot be combined.", hint))
  if (all && core.length > 0) return Effect.fail(usage("Flag -a cannot be combined with the name of a core.", hint))
  return all || newest || core.length > 0 || hasFilters(filter)
    ? Effect.void
    : Effect.fail(
      usage("No core specified.", `Specify a core, or use -1 for the newest core or -a for all cores. ${hint}`)
    )
}

/** Whether any filter has a value. */
export const hasFilters = (values: FilterValues): boolean =>
  filterNames.some((name) => values[name].some((value) => value !== ""))

/** The namespace without `-n` and `-A`. Undefined: all namespaces. */
export const DefaultNamespace = Context.Reference<Effect.Effect<string | undefined, CommandError>>(
  "@koredump/cli/DefaultNamespace",
  { defaultValue: () => Effect.undefined }
)

/** The query for these flags. Default: cores in all states, including `missing`. */
export const toCoreQuery = (
  values: FilterValues & { readonly allNamespaces: boolean },
  parameters: Readonly<Record<string, string | undefined>> = {}
): Effect.Effect<CoreQuery, CommandError> =>
  Effect.gen(function*() {
    const namespace = values.allNamespaces || values.namespace.length > 0 ? undefined : yield* yield* DefaultNamespace
    const params = [
      ...(namespace === undefined ? [] : [["namespace", namespace] as const]),
      ...filterNames.flatMap((name) => values[name].map((value) => [name, value] as const)),
      ...Object.entries(parameters).flatMap(([name, value]) => value === undefined ? [] : [[name, value] as const])
    ]
    const query = yield* Effect.mapError(decodeCoreQuery(params), ({ detail, parameter }) => {
      if (detail === `Parameter ${parameter} can be used only once.`) {
        return usage(`Flag --${parameter} can be used only once.`, "See: koredumpctl list --help")
      }
      const invalid = params.filter(([name]) => name === parameter).map(([, value]) => `"${escapeHidden(value)}"`)
      const expectation = (detail ?? "").replace(`Parameter ${parameter} `, "It ")
      return usage(
        `Invalid value for flag --${parameter}: ${invalid.join(", ")}. ${toSentence(expectation)}`,
        "See: koredumpctl list --help"
      )
    })
    return { state: "any", ...query }
  })
