/**
 * `CoreSource` is the interface to core dumps, wherever they are stored: on this host (`@koredump/node-source`), behind a
 * koredump server (`@koredump/client`), or in a test (`@koredump/core/testing`). If you implement a source, run the
 * contract suite of `@koredump/core/testing` on it.
 */
import { Context, Duration, type Effect, Schema, type Scope, type Stream } from "effect"
import type { CoreMetadata, CoreSummary } from "../model/Core.ts"
import type { CoreChange } from "../model/CoreEvent.ts"
import type { Compression, CoreRef } from "../model/CoreId.ts"
import type { Problem } from "../model/Problem.ts"
import type { CoreFilter } from "./CoreFilter.ts"
import type { CoreQuery } from "./CoreQuery.ts"
import type { ReadBlock } from "./readBlocks.ts"

/** The result of a list. */
export interface CoreList {
  /** In the requested order. Default: oldest first. */
  readonly cores: ReadonlyArray<CoreSummary>
  /** A watch from this version misses no change after this list. */
  readonly resourceVersion: string
  /** Nodes whose cores are missing or may be out of date. */
  readonly unreachable: ReadonlyArray<string>
  /** Start of the next page. Absent on the last page. */
  readonly continue?: string
}

/** A part of a file: the bytes from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** An open core file. Valid until the scope in which it was opened closes. */
export interface CoreFile {
  readonly ref: CoreRef
  /** Size in bytes, as stored (compressed). */
  readonly size: number
  readonly compression: Compression
  /** Milliseconds since 1970. */
  readonly lastModified: number
  /** A strong HTTP entity tag, including quotes. Equal only for the same bytes. */
  readonly etag: string
  /** The file as stored, or a part of it. If the file is shorter than expected, the stream fails. */
  readonly bytes: (range?: ByteRange) => Stream.Stream<Uint8Array, Problem>
  /** The decompressed core. If the file is corrupt, truncated or empty, the stream fails. */
  readonly decompressed: Stream.Stream<Uint8Array, Problem>
  /**
   * Reads from `position` into a buffer. Returns the number of bytes read, 0 at the end of the file. Only for sources on
   * the host of the file: the server uses it to send large files from two reused buffers.
   */
  readonly read?: (into: Uint8Array, position: number) => Promise<number>
  /**
   * Opens a reader for the file or a part of it. Each call of the reader reads into a buffer and returns the number of
   * bytes read, 0 at the end. The signal aborts a call that waits for data. Only for sources that receive the file over a
   * connection: the server uses it to forward large files through two reused buffers.
   */
  readonly reader?: (
    range?: ByteRange
  ) => Effect.Effect<(into: Uint8Array, signal: AbortSignal) => Promise<number>, Problem, Scope.Scope>
  /**
   * Opens a reader of the decompressed core. Fails if the file is corrupt at its start. Only for sources that decompress the file or receive it over a connection: the
   * server uses it to send large cores without a stream.
   */
  readonly decompressedBlocks?: Effect.Effect<ReadBlock, Problem, Scope.Scope>
}

/** The status of a node. */
export const NodeStatus = Schema.Struct({
  name: Schema.String,
  address: Schema.optionalKey(Schema.String),
  state: Schema.Literals(["ready", "syncing", "unreachable"]),
  /** Start of the current state, RFC 3339. */
  since: Schema.String,
  /** Time of the last message from the node, RFC 3339. */
  lastContact: Schema.optionalKey(Schema.String),
  /** Number of cores, including those that are not stored. */
  cores: Schema.Int,
  /** Size of all stored cores in bytes. */
  bytes: Schema.Int,
  lastError: Schema.optionalKey(Schema.String),
  /** Why the node works with reduced function, for example "Journal not readable: journalctl not found." */
  warnings: Schema.optionalKey(Schema.Array(Schema.String)),
  agentVersion: Schema.optionalKey(Schema.String),
  /** `kernel.core_pattern` of the node. */
  corePattern: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "NodeStatus" })
export type NodeStatus = typeof NodeStatus.Type

/** Where a stream of changes starts, and which cores it contains. */
export interface ChangesOptions {
  /** Resource version of a list or an event. Without it, the current cores come first, as ADDED, then a BOOKMARK. */
  readonly since?: string
  readonly filter?: CoreFilter
}

/** The longest time between two BOOKMARKs of a watch, whatever else it sends. */
export const heartbeatInterval = Duration.seconds(5)

/** Three missed heartbeats: a watch that sends nothing for this long is broken. */
export const heartbeatTimeout = Duration.times(heartbeatInterval, 3)

/** Access to core dumps. */
export class CoreSource extends Context.Service<CoreSource, {
  /** Lists the cores that match the query, from memory. */
  readonly list: (query: CoreQuery) => Effect.Effect<CoreList, Problem>
  /** Returns all fields of a core, including heavy fields. */
  readonly get: (ref: CoreRef) => Effect.Effect<CoreMetadata, Problem>
  /** Opens the core file. */
  readonly open: (ref: CoreRef) => Effect.Effect<CoreFile, Problem, Scope.Scope>
  /** Deletes the core file. The journal entry remains: a core that has one is in state `missing` afterwards. */
  readonly remove: (ref: CoreRef) => Effect.Effect<void, Problem>
  /**
   * The changes since `since`, without end. The first BOOKMARK follows the replay (with `since`: it comes immediately),
   * then one at least every {@link heartbeatInterval} as heartbeat. Fails with `ResourceVersionExpired` if it cannot
   * continue without a gap.
   */
  readonly changes: (options?: ChangesOptions) => Stream.Stream<CoreChange, Problem>
  /** Returns the status of each node. */
  readonly nodes: Effect.Effect<ReadonlyArray<NodeStatus>, Problem>
}>()("@koredump/core/CoreSource") {}
