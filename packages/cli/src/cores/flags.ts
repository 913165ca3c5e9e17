/** Options that several verbs share, and what they mean as a query. */
import { type CoreQuery, decodeCoreQuery, filterFields } from "@koredump/core"
import { Context, Effect } from "effect"
import { Argument, Flag } from "effect/cli"
import { type Failure, fromProblem, usage } from "../text/CommandError.ts"

const repeatable = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

/** An option without a value. */
export const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

type FilterName = Exclude<keyof typeof filterFields, "id">

const filterFlag = (name: FilterName, note = "") =>
  repeatable(name, filterFields[name].metavar, filterFields[name].help + note)

/** The filters of the REST API as flags. Cores are named by arguments, so `id` is no flag. */
export const filterFlags = {
  namespace: filterFlag("namespace").pipe(Flag.withAlias("n")),
  pod: filterFlag("pod").pipe(Flag.withAlias("p")),
  container: filterFlag("container"),
  node: filterFlag("node"),
  comm: filterFlag("comm"),
  exe: filterFlag("exe"),
  image: filterFlag("image"),
  signal: filterFlag("signal"),
  uid: filterFlag("uid"),
  state: filterFlag("state", ". Default: any"),
  signature: filterFlag("signature"),
  since: filterFlag("since"),
  until: filterFlag("until"),
  q: filterFlag("q")
} as const satisfies Record<FilterName, unknown>

/** The values of {@link filterFlags}. */
export type FilterValues = { readonly [Name in FilterName]: ReadonlyArray<string> }

/** Takes the newest of several. */
export const newestFlag = flag("newest", "The newest only; also -1")

/** All namespaces are what is shown anyway, but as a plugin of kubectl. */
export const allNamespacesFlag = flag("all-namespaces", "Cores of all namespaces (as without -n, but in kubectl)").pipe(
  Flag.withAlias("A")
)

/** What says which cores a verb takes: names, filters, the newest of them, or all. */
export const selectionFlags = {
  core: Argument.String("core").pipe(
    Argument.withDescription(
      "NODE ID, or one or more of: an id or its beginning, a process id, a program's name or path"
    ),
    Argument.atLeast(0)
  ),
  ...filterFlags,
  newest: newestFlag,
  all: flag("all", "All cores that the options leave").pipe(Flag.withAlias("a")),
  allNamespaces: allNamespacesFlag
} as const

/** Fails where that says nothing, or contradicts itself. */
export const checkSelection = (
  { all, core, newest, ...filter }: FilterValues & {
    readonly all: boolean
    readonly core: ReadonlyArray<string>
    readonly newest: boolean
  },
  see: string
): Effect.Effect<void, Failure> => {
  if (all && newest) return Effect.fail(usage("Options -1 and -a exclude each other.", see))
  if (all && core.length > 0) return Effect.fail(usage("Option -a takes all cores: name none beside it.", see))
  return all || newest || core.length > 0 || hasFilter(filter)
    ? Effect.void
    : Effect.fail(usage("Name a core, or take the newest with -1, or all with -a.", see))
}

/** Whether any filter is given. */
export const hasFilter = (values: FilterValues): boolean =>
  Object.keys(filterFlags).some((name) => values[name as keyof FilterValues].some((value) => value !== ""))

/** The namespace that is meant where neither -n nor -A is given; undefined: all. */
export const DefaultNamespace = Context.Reference<Effect.Effect<string | undefined, Failure>>(
  "@koredump/cli/DefaultNamespace",
  { defaultValue: () => Effect.undefined }
)

/** The query that the options ask for. Cores in all states, missing ones too, unless said. */
export const queryOf = (
  values: FilterValues & { readonly allNamespaces: boolean },
  more: Readonly<Record<string, string | undefined>> = {}
): Effect.Effect<CoreQuery, Failure> =>
  Effect.gen(function*() {
    const namespace = values.allNamespaces || values.namespace.length > 0 ? undefined : yield* yield* DefaultNamespace
    const params = [
      ...(namespace === undefined ? [] : [["namespace", namespace] as const]),
      ...Object.keys(filterFlags).flatMap((name) =>
        values[name as keyof FilterValues].map((value) => [name, value] as const)
      ),
      ...Object.entries(more).flatMap(([name, value]) => value === undefined ? [] : [[name, value] as const])
    ]
    const query = yield* Effect.mapError(decodeCoreQuery(params), fromProblem)
    return { state: "any", ...query }
  })
