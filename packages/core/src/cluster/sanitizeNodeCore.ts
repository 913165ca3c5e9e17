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

const maxDepth = 8
/** Longest node name in Kubernetes. */
const maxNodeNameLength = 253

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
 * directory, without heavy fields. Undefined if the summary exceeds `maxBytes` or has no valid time.
 */
export const sanitizeNodeCore = (node: string, core: CoreSummary, maxBytes: number): SanitizedCore | undefined => {
  if (!isShallow(core)) return undefined
  const keys = Object.keys(core)
  const light = keys.some(isHeavyField)
    ? Object.fromEntries(Object.entries(core).filter(([key]) => !isHeavyField(key))) as CoreSummary
    : core
  const jsonBytes = countBytes(JSON.stringify(light), maxBytes)
  const time = parseTimestamp(core.COREDUMP_TIMESTAMP)
  if (jsonBytes > maxBytes || Number.isNaN(time)) return undefined
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
