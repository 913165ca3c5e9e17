/**
 * `CoreSource`: everything that holds core dumps is one, everything that shows, serves or fetches them consumes one.
 * This host (`@koredump/node-source`), a server at some URL (`@koredump/client`), cores that a test scripts
 * (`@koredump/core/testing`): all alike. Those who write their own source run the contract suite of `/testing` on it.
 */
import { Context, type Effect, Schema, type Scope, type Stream } from "effect"
import type { CoreMetadata, CoreSummary } from "../model/Core.ts"
import type { CoreChange } from "../model/CoreEvent.ts"
import type { Compression, CoreRef } from "../model/CoreId.ts"
import type { Problem } from "../model/Problem.ts"
import type { CoreFilter } from "./CoreFilter.ts"
import type { CoreQuery } from "./CoreQuery.ts"

/** The answer to a list. */
export interface CoreList {
  /** In the order asked for; oldest first unless said. */
  readonly cores: ReadonlyArray<CoreSummary>
  /** A watch from this version misses nothing that came after this list. */
  readonly resourceVersion: string
  /** Nodes whose part may be missing or old. */
  readonly unreachable: ReadonlyArray<string>
  /** Present when there are more: ask with it for the next page. */
  readonly continue?: string
}

/** A part of a file: bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** A stored core, opened: what is known of the file, and its bytes. Valid as long as the scope it was opened in. */
export interface CoreFile {
  readonly ref: CoreRef
  /** Bytes, as stored. */
  readonly size: number
  readonly compression: Compression
  /** Milliseconds since 1970. */
  readonly lastModified: number
  /** A strong HTTP entity tag, quotes included: equal only for the same bytes. */
  readonly etag: string
  /** The file as stored, or a part of it. A file that turns out shorter fails; it never just ends. */
  readonly bytes: (range?: ByteRange) => Stream.Stream<Uint8Array, Problem>
  /** The core itself, decompressed. Corrupt, cut or empty files fail; they never just end. */
  readonly decompressed: Stream.Stream<Uint8Array, Problem>
  /**
   * Fills the caller's buffer from `position` on and answers how many bytes it got (0: end of file). Only sources that
   * have the file at hand offer it: a server sends large files from two reused buffers with it.
   */
  readonly read?: (into: Uint8Array, position: number) => Promise<number>
  /**
   * The file or a part of it, step by step: each call of the reader fills some of the caller's buffer and answers how
   * many bytes it got (0: that was all); the signal ends its waiting. Only sources that get the file over a connection offer it: a server passes large
   * files on through two reused buffers with it.
   */
  readonly reader?: (
    range?: ByteRange
  ) => Effect.Effect<(into: Uint8Array, signal: AbortSignal) => Promise<number>, Problem, Scope.Scope>
}

/** How things stand with one node. */
export const NodeStatus = Schema.Struct({
  name: Schema.String,
  address: Schema.optionalKey(Schema.String),
  state: Schema.Literals(["ready", "syncing", "unreachable"]),
  /** Since when it has been in this state, RFC 3339. */
  since: Schema.String,
  /** When it was last heard of, RFC 3339. */
  lastContact: Schema.optionalKey(Schema.String),
  /** Cores known, stored or not. */
  cores: Schema.Int,
  /** Bytes that stored cores take. */
  bytes: Schema.Int,
  lastError: Schema.optionalKey(Schema.String),
  /** What this node lacks, in words: no journal, no coredump directory. */
  warnings: Schema.optionalKey(Schema.Array(Schema.String)),
  agentVersion: Schema.optionalKey(Schema.String),
  /** `kernel.core_pattern` of the node. */
  corePattern: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "NodeStatus" })
export type NodeStatus = typeof NodeStatus.Type

/** Where a watch starts, and what it shows. */
export interface ChangesOptions {
  /** A version that a list or an event gave. Without it the present cores come first, as ADDED, then a BOOKMARK. */
  readonly since?: string
  readonly filter?: CoreFilter
}

/** Access to core dumps, wherever they are. */
export class CoreSource extends Context.Service<CoreSource, {
  /** The cores that match. Answered from memory. */
  readonly list: (query: CoreQuery) => Effect.Effect<CoreList, Problem>
  /** Everything known of one core, heavy fields included. */
  readonly get: (ref: CoreRef) => Effect.Effect<CoreMetadata, Problem>
  /** Opens the stored core. */
  readonly open: (ref: CoreRef) => Effect.Effect<CoreFile, Problem, Scope.Scope>
  /** Deletes the stored core. The journal's entry stays: a core that has one is `missing` afterwards. */
  readonly remove: (ref: CoreRef) => Effect.Effect<void, Problem>
  /**
   * What happens from `since` on, without end; a BOOKMARK comes at once, and at least every 30 seconds. Fails with
   * `ResourceVersionExpired` where it cannot go on without a gap.
   */
  readonly changes: (options?: ChangesOptions) => Stream.Stream<CoreChange, Problem>
  readonly nodes: Effect.Effect<ReadonlyArray<NodeStatus>, Problem>
}>()("@koredump/core/CoreSource") {}
