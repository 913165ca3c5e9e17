import {
  type ByteRange,
  type Compression,
  type CoreEvent,
  type CoreList,
  type CoreMetadata,
  type CoreRef,
  CoreSource,
  coreStem,
  type CoreSummary,
  type NodeStatus,
  type Problem,
  watchCores
} from "@koredump/core"
import { Context, Effect, Layer, Option, type Scope, Stream } from "effect"
import type { HttpClient } from "effect/http"
import type { RemoteOptions } from "../connection/RemoteOptions.ts"
import { layerRemoteCoreSource } from "../source/RemoteCoreSource.ts"
import { type CoresFilter, type CoresQuery, toCoreFilter, toCoreQuery } from "./CoresQuery.ts"
import { safeFileName } from "./safeFileName.ts"

/** Identifies a core. Each core of a list has these properties. */
export interface CoreName {
  readonly node: string
  readonly id: string
}

/** Which bytes to download. */
export interface DownloadQuery {
  /** A range of the stored file: from `start` up to, not including, `end`. Default: the whole file */
  readonly range?: ByteRange | undefined
  /** Whether the server decompresses the core. The length is not known then, and `range` is ignored. Default: `false` */
  readonly decompress?: boolean | undefined
}

/** What is known about a download before its first byte. */
export interface DownloadInfo {
  /** A name for a local file, never a path. */
  readonly fileName: string
  /** Size of the stored file in bytes. */
  readonly size: number
  /** How the bytes of the download are compressed. */
  readonly compression: Compression
  /** Strong entity tag: equal only for the same stored bytes. */
  readonly etag: string
  /** When the stored file was last modified, in milliseconds since 1970. */
  readonly lastModified: number
}

/** Where a watch starts, and which cores it has. */
export interface WatchQuery extends CoresFilter {
  /**
   * Resource version of a list or of the last event. Without it, the watch first sends the current cores (ADDED), then a
   * BOOKMARK.
   */
  readonly resourceVersion?: string | undefined
  /** The cores of that list. If the server cannot resume, the watch sends only the difference to them. */
  readonly shown?: ReadonlyArray<CoreSummary> | undefined
}

// The ID is not checked here: the server rejects cores that do not exist.
const toCoreRef = ({ id, node }: CoreName): CoreRef => ({ node, id: id as CoreRef["id"] })

const pageSize = 500

/** Operations on cores, as an Effect service over a `CoreSource`. */
export class Koredump extends Context.Service<Koredump, {
  /** Returns the cores that match. Default order: oldest first */
  readonly list: (query?: CoresQuery) => Effect.Effect<CoreList, Problem>
  /** The pages of a list, each with at most `limit` cores. Default: 500 */
  readonly iterate: (query?: CoresQuery) => Stream.Stream<CoreList, Problem>
  /** Returns all fields of a core, including heavy fields. */
  readonly metadata: (core: CoreName) => Effect.Effect<CoreMetadata, Problem>
  /** Opens a stored core. If the body is incomplete, it fails; it never just ends. */
  readonly download: (
    core: CoreName,
    query?: DownloadQuery
  ) => Effect.Effect<DownloadInfo & { readonly body: Stream.Stream<Uint8Array, Problem> }, Problem, Scope.Scope>
  /** Changes of the cores that match. Never ends: reconnects and resumes, see `watchCores`. */
  readonly watch: (query?: WatchQuery) => Stream.Stream<CoreEvent, Problem>
  /** Returns the state of each node. */
  readonly nodes: Effect.Effect<ReadonlyArray<NodeStatus>, Problem>
  /** Deletes a stored core. Fails with `DeletionDisabled` unless the server allows deletion. */
  readonly delete: (core: CoreName) => Effect.Effect<void, Problem>
}>()("@koredump/client/Koredump") {
  /** Over the `CoreSource` in the context. */
  static readonly layerNoDeps: Layer.Layer<Koredump, never, CoreSource> = Layer.effect(
    Koredump,
    Effect.gen(function*() {
      const source = yield* CoreSource

      const list = Effect.fn("Koredump.list")(function*(query: CoresQuery = {}) {
        return yield* source.list(yield* toCoreQuery(query))
      })

      const iterate = (query: CoresQuery = {}) =>
        Stream.paginate(
          query.continue,
          (next) =>
            Effect.map(list({ limit: pageSize, ...query, continue: next }), (page) => [
              [page],
              page.continue === undefined ? Option.none() : Option.some(page.continue)
            ])
        )

      const download = Effect.fn("Koredump.download")(function*(core: CoreName, query: DownloadQuery = {}) {
        const file = yield* source.open(toCoreRef(core))
        const decompress = query.decompress === true
        return {
          fileName: safeFileName(decompress ? coreStem(file.ref.id) : file.ref.id),
          size: file.size,
          compression: decompress ? "none" as const : file.compression,
          etag: file.etag,
          lastModified: file.lastModified,
          body: decompress ? file.decompressed : file.bytes(query.range)
        }
      })

      const watch = ({ resourceVersion, shown, ...filter }: WatchQuery = {}) =>
        Stream.unwrap(Effect.map(toCoreFilter(filter), (filter) =>
          watchCores(source, {
            filter,
            ...(resourceVersion === undefined ? {} : { since: resourceVersion }),
            ...(shown === undefined ? {} : { shown })
          })))

      return Koredump.of({
        list,
        iterate,
        metadata: (core) => source.get(toCoreRef(core)),
        download,
        watch,
        nodes: source.nodes,
        delete: (core) => source.remove(toCoreRef(core))
      })
    })
  )

  /** Over the server at `options.url`. */
  static readonly layer = (options: RemoteOptions): Layer.Layer<Koredump, never, HttpClient.HttpClient> =>
    this.layerNoDeps.pipe(Layer.provide(layerRemoteCoreSource(options)))
}
