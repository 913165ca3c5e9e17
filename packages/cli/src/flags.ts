/** Options that several verbs share, and what they mean as a query. */
import { type CoreQuery, decodeCoreQuery, groupParams } from "@koredump/core"
import { Clock, Context, Effect } from "effect"
import { Argument, Flag } from "effect/cli"
import { type Failure, fromProblem, usage } from "./Failure.ts"

const repeatable = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

/** An option without a value. */
export const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withoutNegation, Flag.withDefault(false))

/** The filters of the REST API, by the same names. */
export const filterFlags = {
  namespace: repeatable("namespace", "NAMESPACE", "Only cores of this namespace (repeatable)").pipe(
    Flag.withAlias("n")
  ),
  pod: repeatable("pod", "POD", "Only cores of this pod (repeatable)").pipe(Flag.withAlias("p")),
  container: repeatable("container", "NAME", "Only cores of this container (repeatable)"),
  node: repeatable("node", "NODE", "Only cores of this node (repeatable)"),
  comm: repeatable("comm", "NAME", "Only cores of processes of this name (repeatable)"),
  exe: repeatable("exe", "PATH", "Only cores of this executable (repeatable)"),
  image: repeatable("image", "IMAGE", "Only cores of this container image (repeatable)"),
  signal: repeatable("signal", "SIGNAL", "Only this signal, by name or number (repeatable)"),
  uid: repeatable("uid", "UID", "Only processes of this user id (repeatable)"),
  state: repeatable("state", "STATE", "Only present, truncated, pending or missing cores (repeatable; without: any)"),
  signature: repeatable("signature", "SIGNATURE", "Only crashes of this signature (repeatable)"),
  since: repeatable("since", "TIME", "Crashed at or after: RFC 3339, or a duration before now such as 90m or 3d"),
  until: repeatable("until", "TIME", "Crashed before: RFC 3339, or a duration before now"),
  q: repeatable("q", "TEXT", "Only cores with this text anywhere in their summary")
} as const

/** What {@link filterFlags} give. */
export type FilterValues = { readonly [K in keyof typeof filterFlags]: ReadonlyArray<string> }

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
    const now = (yield* Clock.currentTimeMillis) * 1000
    const query = yield* Effect.fromResult(decodeCoreQuery(groupParams(params), now)).pipe(
      Effect.mapError(fromProblem)
    )
    return { state: "any", ...query }
  })
