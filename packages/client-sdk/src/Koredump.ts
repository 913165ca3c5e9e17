/** `Koredump`: what people do with cores, as an Effect service over any `CoreSource`. */
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
import { type CoresFilter, type CoresQuery, toCoreFilter, toCoreQuery } from "./CoresQuery.ts"
import { layerRemoteCoreSource } from "./RemoteCoreSource.ts"
import { safeFileName } from "./safeFileName.ts"
import type { RemoteOptions } from "./Transport.ts"

/** Which core is meant: every core of a list names itself. */
export interface CoreName {
  readonly node: string
  readonly id: string
}

/** Which bytes a download is of. */
export interface DownloadQuery {
  /** A part of the stored file: from `start` up to, not including, `end`. */
  readonly range?: ByteRange | undefined
  /** The core itself, decompressed where it is kept. Has no length and no parts. */
  readonly decompress?: boolean | undefined
}

/** What is known of a download before its first byte. */
export interface DownloadFacts {
  /** A name for a local file; never a path. */
  readonly fileName: string
  /** Bytes of the stored file. */
  readonly size: number
  /** How the bytes of the download are compressed. */
  readonly compression: Compression
  /** A strong entity tag: equal only for the same stored bytes. */
  readonly etag: string
  /** Milliseconds since 1970. */
  readonly lastModified: number
}

/** Where a watch starts, and what it shows. */
export interface WatchQuery extends CoresFilter {
  /** The version of a list, or of the last event seen. Without it the present cores come first, then a BOOKMARK. */
  readonly resourceVersion?: string | undefined
  /** The cores that are shown already (those of that list): after a gap only the difference to them is told. */
  readonly shown?: ReadonlyArray<CoreSummary> | undefined
}

// Any text may be asked for: whether there is such a core is the server's to say.
const refOf = ({ id, node }: CoreName): CoreRef => ({ node, id: id as CoreRef["id"] })

const pageSize = 500

/** See the module's text. */
export class Koredump extends Context.Service<Koredump, {
  /** The cores that match, oldest first unless said. */
  readonly list: (query?: CoresQuery) => Effect.Effect<CoreList, Problem>
  /** The pages of a list, each of at most `limit` cores (500 unless said). */
  readonly iterate: (query?: CoresQuery) => Stream.Stream<CoreList, Problem>
  /** Everything known of one core, heavy fields included. */
  readonly metadata: (core: CoreName) => Effect.Effect<CoreMetadata, Problem>
  /** Opens a stored core. A body that breaks off fails; it never just ends. */
  readonly download: (
    core: CoreName,
    query?: DownloadQuery
  ) => Effect.Effect<DownloadFacts & { readonly body: Stream.Stream<Uint8Array, Problem> }, Problem, Scope.Scope>
  /** What happens, without end: reconnects and resumes, see `watchCores`. */
  readonly watch: (query?: WatchQuery) => Stream.Stream<CoreEvent, Problem>
  /** How things stand with each node. */
  readonly nodes: Effect.Effect<ReadonlyArray<NodeStatus>, Problem>
  /** Deletes a stored core. Most servers do not allow it. */
  readonly delete: (core: CoreName) => Effect.Effect<void, Problem>
}>()("@koredump/client/Koredump") {
  /** Over the source at hand. */
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
        const file = yield* source.open(refOf(core))
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
        metadata: (core) => source.get(refOf(core)),
        download,
        watch,
        nodes: source.nodes,
        delete: (core) => source.remove(refOf(core))
      })
    })
  )

  /** Over the server at `options.url`. */
  static readonly layer = (options: RemoteOptions): Layer.Layer<Koredump, never, HttpClient.HttpClient> =>
    this.layerNoDeps.pipe(Layer.provide(layerRemoteCoreSource(options)))
}
