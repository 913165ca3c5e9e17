/** Limits for the JSON that a server sends. */
import { type JsonLimits, maxMetadataBytes } from "@koredump/core"

/** Limits for each kind of answer. */
export interface ResponseLimits {
  readonly list: JsonLimits
  readonly metadata: JsonLimits
  readonly nodes: JsonLimits
  /** An answer without content, to a deletion. */
  readonly empty: JsonLimits
  /** An error. */
  readonly problem: JsonLimits
  /** A line of a watch. */
  readonly event: JsonLimits
  /**
   * Bytes of a watch that come at once. More come at this many per 32 seconds: events that are refused cost as much as
   * those that are used.
   */
  readonly watchBurst: number
  /** How many lists and metadata are read at the same time. The others wait. */
  readonly concurrentBodies: number
}

const KiB = 1024
const MiB = 1024 * KiB

/** Deeper than any field that koredump or systemd writes. */
const maxDepth = 64

/**
 * Metadata with the longest stack trace of `parseStackTrace` and all other fields passes. The time to parse and decode an
 * answer stays well below 100 ms, whatever it consists of: objects with many different keys are the slowest.
 */
const metadata: JsonLimits = { maxBytes: maxMetadataBytes, maxDepth, maxElements: 32 * KiB, maxFields: 1024 }

const empty: JsonLimits = { maxBytes: 16 * KiB, maxDepth: 8, maxElements: 1000 }
const event: JsonLimits = { maxBytes: MiB, maxDepth, maxElements: 1024 }

/**
 * For a server that a user has chosen. Lists can have hundreds of thousands of cores, so only their size and depth are
 * limited.
 */
export const toClientLimits = (maxResponseBytes = 256 * MiB): ResponseLimits => {
  const list: JsonLimits = { maxBytes: maxResponseBytes, maxDepth, maxElements: Number.POSITIVE_INFINITY }
  return {
    list,
    metadata: { ...metadata, maxBytes: Math.min(maxResponseBytes, maxMetadataBytes) },
    nodes: list,
    empty,
    problem: { maxBytes: 64 * KiB, maxDepth: 8, maxElements: 16 * KiB },
    event,
    watchBurst: Number.POSITIVE_INFINITY,
    concurrentBodies: Number.POSITIVE_INFINITY
  }
}

/** For a node agent: one compromised node must neither fill the memory of the cluster server nor block it. */
export const nodeLimits: ResponseLimits = {
  list: { maxBytes: 8 * MiB, maxDepth, maxElements: 32 * KiB },
  metadata,
  nodes: { maxBytes: 64 * KiB, maxDepth: 8, maxElements: 1000 },
  empty,
  problem: { maxBytes: 16 * KiB, maxDepth: 8, maxElements: 1000 },
  event,
  watchBurst: 32 * MiB,
  concurrentBodies: 1
}
