import { Schema } from "effect"
import { CoreState, type CoreSummary, parseTimestamp } from "../model/Core.ts"
import { signalNumber } from "../model/signals.ts"
import {
  decodeEach,
  decodeInteger,
  instantParameter,
  parameter,
  textParameter,
  textsParameter
} from "./queryParameter.ts"

/** One condition of a {@link CoreFilter}: its form in the REST API, in the index and on the command line. */
interface FilterField<S extends Schema.Top> {
  /** Text form in a URL and typed form. Its description is for the API documentation. */
  readonly schema: S
  /** Whether the core meets the condition. */
  readonly matches: (core: CoreSummary, value: Exclude<S["Type"], undefined>) => boolean
  /** Help of the command line flag of the same name. */
  readonly help: string
  /** Placeholder for the value in the help. */
  readonly metavar: string
}

const field = <S extends Schema.Top>(field: FilterField<S>): FilterField<S> => field

const stringField = (help: string, metavar: string, get: (core: CoreSummary) => string | undefined) =>
  field({
    schema: textsParameter(`${help}.`),
    help,
    metavar,
    matches: (core, values) => {
      const value = get(core)
      return value !== undefined && values.includes(value)
    }
  })

const numberField = (options: {
  readonly help: string
  readonly metavar: string
  readonly expected: string
  readonly decode: (text: string) => number | undefined
  readonly get: (core: CoreSummary) => number | undefined
}) =>
  field({
    schema: parameter({
      description: `${options.help}.`,
      expected: options.expected,
      type: Schema.Array(Schema.Int),
      decode: decodeEach(options.decode)
    }),
    help: options.help,
    metavar: options.metavar,
    matches: (core, values) => {
      const value = options.get(core)
      return value !== undefined && values.includes(value)
    }
  })

const isState = Schema.is(CoreState)
const stateHelp = "Filter by state: present, truncated, pending, missing or any (repeatable)"
const sinceHelp = "Filter by crash time: at or after this time (RFC 3339, or a duration before now such as 90m or 3d)"
const untilHelp = "Filter by crash time: before this time (RFC 3339, or a duration before now such as 90m or 3d)"
const textHelp = "Filter by text in any field of the core summary (case-insensitive)"

const containsText = (core: CoreSummary, text: string): boolean => {
  const lower = text.toLowerCase()
  return Object.entries(core).some(([key, value]) =>
    key !== "resourceVersion" && typeof value === "string" && value.toLowerCase().includes(lower)
  )
}

/** The conditions of a filter, by name of the query parameter. Each is defined only here. */
export const filterFields = {
  id: stringField("Filter by core ID (repeatable)", "ID", (core) => core.id),
  namespace: stringField("Filter by namespace (repeatable)", "NAMESPACE", (core) => core.namespace),
  pod: stringField("Filter by pod (repeatable)", "POD", (core) => core.pod),
  container: stringField("Filter by container (repeatable)", "NAME", (core) => core.container),
  node: stringField("Filter by node (repeatable)", "NODE", (core) => core.node),
  comm: stringField("Filter by process name (repeatable)", "NAME", (core) => core.COREDUMP_COMM),
  exe: stringField("Filter by path of the executable (repeatable)", "PATH", (core) => core.COREDUMP_EXE),
  image: stringField("Filter by container image (repeatable)", "IMAGE", (core) => core.image_name),
  signal: numberField({
    help: "Filter by signal name or number (repeatable)",
    metavar: "SIGNAL",
    expected: "a signal name or number, such as SIGSEGV or 11",
    decode: signalNumber,
    get: (core) => core.COREDUMP_SIGNAL
  }),
  uid: numberField({
    help: "Filter by user ID of the process (repeatable)",
    metavar: "UID",
    expected: "a user ID",
    decode: decodeInteger,
    get: (core) => core.COREDUMP_UID
  }),
  state: field({
    schema: parameter<ReadonlyArray<CoreState> | "any">({
      description: `${stateHelp}. Default: all except missing.`,
      expected: "present, truncated, pending, missing or any",
      type: Schema.Union([Schema.Array(CoreState), Schema.Literal("any")]),
      decode: (values) =>
        values.includes("any") ? "any" : decodeEach((value) => isState(value) ? value : undefined)(values)
    }),
    help: stateHelp,
    metavar: "STATE",
    matches: (core, states) => states === "any" || states.includes(core.state)
  }),
  signature: stringField("Filter by crash signature (repeatable)", "SIGNATURE", (core) => core.signature),
  since: field({
    schema: instantParameter(`${sinceHelp}.`),
    help: sinceHelp,
    metavar: "TIME",
    matches: (core, since) => parseTimestamp(core.COREDUMP_TIMESTAMP) >= since
  }),
  until: field({
    schema: instantParameter(`${untilHelp}.`),
    help: untilHelp,
    metavar: "TIME",
    matches: (core, until) => parseTimestamp(core.COREDUMP_TIMESTAMP) < until
  }),
  q: field({ schema: textParameter(`${textHelp}.`), help: textHelp, metavar: "TEXT", matches: containsText })
} as const

type FilterFields = typeof filterFields

/** The query parameters of a filter. */
export const filterParameters = Object.fromEntries(
  Object.entries(filterFields).map(([name, { schema }]) => [name, schema])
) as { readonly [Name in keyof FilterFields]: FilterFields[Name]["schema"] }

/**
 * A filter for cores, as URL parameters and as value. A core must meet all conditions. It meets a condition with several
 * values if it has one of them. Without `state`, cores in state `missing` are left out: clients that download what they
 * list then get no 404. Times are microseconds since 1970, signals are numbers.
 */
export const CoreFilter = Schema.Struct(filterParameters)
export interface CoreFilter extends Schema.Struct.Type<typeof filterParameters> {}

const matchers = new Map<string, (core: CoreSummary, value: never) => boolean>(
  Object.entries(filterFields).map(([name, { matches }]) => [name, matches])
)

/** A function that tells whether a core meets all conditions of the filter. A list calls it for every core. */
export const compileFilter = (filter: CoreFilter): (core: CoreSummary) => boolean => {
  const hidesMissing = filter.state === undefined
  const conditions = Object.entries(filter).flatMap(([name, value]) => {
    const matches = matchers.get(name)
    return value === undefined || matches === undefined ? [] : [{ matches, value: value as never }]
  })
  return (core) => {
    if (hidesMissing && core.state === "missing") return false
    for (const { matches, value } of conditions) if (!matches(core, value)) return false
    return true
  }
}

/** Whether a core meets all conditions of the filter. */
export const matchesFilter = (filter: CoreFilter, core: CoreSummary): boolean => compileFilter(filter)(core)
