/** Which cores are meant: the one query language of list, watch and the command line. */
import { type CoreState, type CoreSummary, parseTimestamp } from "../model/Core.ts"

/**
 * All conditions must hold; a list holds if any of its values is the core's, exactly. Without `state`, cores in state
 * `missing` are left out: who lists to download meets no 404.
 */
export interface CoreFilter {
  readonly id?: ReadonlyArray<string>
  readonly namespace?: ReadonlyArray<string>
  readonly pod?: ReadonlyArray<string>
  readonly container?: ReadonlyArray<string>
  readonly node?: ReadonlyArray<string>
  readonly comm?: ReadonlyArray<string>
  readonly exe?: ReadonlyArray<string>
  readonly image?: ReadonlyArray<string>
  /** Signal numbers. */
  readonly signal?: ReadonlyArray<number>
  readonly uid?: ReadonlyArray<number>
  readonly state?: ReadonlyArray<CoreState> | "any"
  readonly signature?: ReadonlyArray<string>
  /** Crashed at or after, microseconds since 1970. */
  readonly since?: number
  /** Crashed before, microseconds since 1970. */
  readonly until?: number
  /** Substring of any text of the summary, upper and lower case alike. */
  readonly q?: string
}

const among = <A>(values: ReadonlyArray<A> | undefined, value: unknown): boolean =>
  values === undefined || values.includes(value as A)

const containsText = (core: CoreSummary, text: string): boolean => {
  const wanted = text.toLowerCase()
  return Object.entries(core).some(([key, value]) =>
    key !== "resourceVersion" && typeof value === "string" && value.toLowerCase().includes(wanted)
  )
}

/** Whether the filter lets this core through. */
export const matchesFilter = (filter: CoreFilter, core: CoreSummary): boolean =>
  (filter.state === undefined
    ? core.state !== "missing"
    : filter.state === "any" || filter.state.includes(core.state)) &&
  among(filter.id, core.id) &&
  among(filter.namespace, core.namespace) &&
  among(filter.pod, core.pod) &&
  among(filter.container, core.container) &&
  among(filter.node, core.node) &&
  among(filter.comm, core.COREDUMP_COMM) &&
  among(filter.exe, core.COREDUMP_EXE) &&
  among(filter.image, core.image_name) &&
  among(filter.signal, core.COREDUMP_SIGNAL) &&
  among(filter.uid, core.COREDUMP_UID) &&
  among(filter.signature, core.signature) &&
  (filter.since === undefined || parseTimestamp(core.COREDUMP_TIMESTAMP) >= filter.since) &&
  (filter.until === undefined || parseTimestamp(core.COREDUMP_TIMESTAMP) < filter.until) &&
  (filter.q === undefined || containsText(core, filter.q))
