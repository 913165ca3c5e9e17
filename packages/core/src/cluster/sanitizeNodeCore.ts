import { type CoreSummary, isHeavyField, parseTimestamp, type UnversionedCore } from "../model/Core.ts"

/** Properties of a core that the cluster server keeps in addition to its summary. */
export interface NodeCoreInfo {
  /** Size of the summary, bytes of JSON. */
  readonly jsonBytes: number
  /** Time of the crash, microseconds since 1970. */
  readonly time: number
  readonly isMissing: boolean
  readonly namespace: string | undefined
  /** Size of the core file, bytes. */
  readonly fileBytes: number
  /** The node name that the node reports, if it is not the one of the node directory. */
  readonly reportedNode: string | undefined
}

/** A core that passed the checks. */
export interface SanitizedCore extends NodeCoreInfo {
  readonly core: UnversionedCore
}

/** What a core from a node must not exceed. */
export interface NodeCoreRules {
  /** Size of the summary, bytes of JSON. */
  readonly maxBytes: number
  /** The present time, milliseconds since 1970. */
  readonly now: number
}

const maxDepth = 8
/** Longest node name in Kubernetes. */
const maxNodeNameLength = 253
/** How far the clock of a node can be ahead. A core from a later time would be the newest one, perhaps for years. */
const maxAheadMicros = 24 * 60 * 60 * 1_000_000

/** The names that Kubernetes allows for namespaces. A namespace is part of access decisions. */
const namespacePattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** Pods and containers. Some container runtimes name a container `POD`. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,252}$/

const matches = (pattern: RegExp, text: string | undefined) => text === undefined || pattern.test(text)

/** Whether the values that koredump itself uses are possible. All others are only shown. */
const hasPossibleValues = ({ container, namespace, pod, size = 0 }: CoreSummary): boolean =>
  Number.isSafeInteger(size) && size >= 0 && matches(namespacePattern, namespace) && matches(namePattern, pod) &&
  matches(namePattern, container)

// Deeply nested values could exhaust the stack of every function that walks over them.
const isShallow = (value: unknown, depth = 0): boolean =>
  typeof value !== "object" || value === null ||
  (depth < maxDepth && Object.values(value).every((part) => isShallow(part, depth + 1)))

const encoder = new TextEncoder()

/** Bytes of the text in UTF-8. An estimate if the text cannot exceed `max`. */
const countBytes = (json: string, max: number): number =>
  json.length * 3 <= max ? json.length : encoder.encode(json).length

/**
 * Converts a core summary from a node, which is not trusted, to a core for the index: with the node name of the node
 * directory, without heavy fields. Undefined if the summary is too large or malformed.
 */
export const sanitizeNodeCore = (
  node: string,
  core: CoreSummary,
  { maxBytes, now }: NodeCoreRules
): SanitizedCore | undefined => {
  if (!isShallow(core) || !hasPossibleValues(core)) return undefined
  const keys = Object.keys(core)
  const light = keys.some(isHeavyField)
    ? Object.fromEntries(Object.entries(core).filter(([key]) => !isHeavyField(key))) as CoreSummary
    : core
  const jsonBytes = countBytes(JSON.stringify(light), maxBytes)
  const time = parseTimestamp(core.COREDUMP_TIMESTAMP)
  if (jsonBytes > maxBytes || Number.isNaN(time) || time > now * 1000 + maxAheadMicros) return undefined
  return {
    core: { ...light, node },
    jsonBytes,
    time,
    isMissing: core.state === "missing",
    namespace: core.namespace,
    fileBytes: core.size ?? 0,
    reportedNode: core.node === node || core.node.length > maxNodeNameLength ? undefined : core.node
  }
}
