/** A core as a node tells it, before the cluster believes any of it: what is taken over, and what is refused. */
import { type CoreSummary, isHeavyField, parseTimestamp, type UnversionedCore } from "../model/Core.ts"

/** What a cluster remembers of a core besides the core. */
export interface NodeCoreInfo {
  /** Bytes of the summary as JSON. */
  readonly weight: number
  /** Time of the crash, microseconds since 1970. */
  readonly time: number
  readonly missing: boolean
  readonly namespace: string | undefined
  /** Bytes of the stored file. */
  readonly size: number
  /** What the node calls itself, where that is not the name that the directory has. */
  readonly own: string | undefined
}

/** A core that is taken over. */
export interface SanitizedCore extends NodeCoreInfo {
  readonly core: UnversionedCore
}

const maxDepth = 8
/** Longest name of a node, as Kubernetes has it. */
const maxName = 253

// Deep nesting would make every later walk over the value a deep recursion.
const isShallow = (value: unknown, depth = 0): boolean =>
  typeof value !== "object" || value === null ||
  (depth < maxDepth && Object.values(value).every((part) => isShallow(part, depth + 1)))

const encoder = new TextEncoder()

/** Bytes of the text in UTF-8, or more where it is short enough anyhow. */
const weightOf = (json: string, max: number): number =>
  json.length * 3 <= max ? json.length : encoder.encode(json).length

/**
 * The core as the cluster holds it: under the directory's name of the node, and without heavy fields, which no list may
 * show. Undefined where it has more than `maxBytes` or no time to sort it by.
 */
export const sanitizeNodeCore = (node: string, core: CoreSummary, maxBytes: number): SanitizedCore | undefined => {
  if (!isShallow(core)) return undefined
  const keys = Object.keys(core)
  const light = keys.some(isHeavyField)
    ? Object.fromEntries(Object.entries(core).filter(([key]) => !isHeavyField(key))) as CoreSummary
    : core
  const weight = weightOf(JSON.stringify(light), maxBytes)
  const time = parseTimestamp(core.COREDUMP_TIMESTAMP)
  if (weight > maxBytes || Number.isNaN(time)) return undefined
  return {
    core: { ...light, node },
    weight,
    time,
    missing: core.state === "missing",
    namespace: core.namespace,
    size: core.size ?? 0,
    own: core.node === node || core.node.length > maxName ? undefined : core.node
  }
}
