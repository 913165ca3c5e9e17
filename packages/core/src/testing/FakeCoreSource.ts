import { Clock, Context, Effect, Layer, Stream } from "effect"
import { Digest } from "effect/crypto"
import { Hex } from "effect/encoding"
import { type CoreMetadata, formatTimestamp, isHeavyField, type UnversionedCore } from "../model/Core.ts"
import { coreIdMicros, type CoreRef, formatCoreId, parseCoreId, refKey } from "../model/CoreId.ts"
import { CoreNotFound, CoreNotStored, CoreUnreadable, DeletionDisabled } from "../model/Problem.ts"
import { signalName } from "../model/signals.ts"
import { CoreIndex, type CoreIndexOptions } from "../source/CoreIndex.ts"
import { type ByteRange, type CoreFile, CoreSource } from "../source/CoreSource.ts"

/** A core of the fake source. Every field is optional. */
export interface FakeCore {
  readonly node?: string
  readonly comm?: string
  readonly uid?: number
  readonly pid?: number
  /** Microseconds since 1970. */
  readonly time?: number
  readonly signal?: number
  readonly compression?: "zstd" | "lz4" | "xz" | "none"
  /** The core file. Undefined: the core was never stored, its state is `missing`. */
  readonly content?: Uint8Array
  /** The decompressed core. Default: `content`. */
  readonly decompressed?: Uint8Array
  /** Further fields of the metadata, also heavy ones. They override the others. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** Scripts the cores of the fake source. */
export class FakeCores extends Context.Service<FakeCores, {
  /** A crash: adds the core, or replaces the one with the same ID. */
  readonly put: (core: FakeCore) => Effect.Effect<CoreRef>
  /** Removes the file and keeps the journal entry: the core becomes `missing`. */
  readonly removeFile: (ref: CoreRef) => Effect.Effect<void>
  /** Removes file and journal entry. */
  readonly remove: (ref: CoreRef) => Effect.Effect<void>
}>()("@koredump/core/testing/FakeCores") {}

/** Options of the fake source. */
export interface FakeCoreSourceOptions extends CoreIndexOptions {
  /** Whether cores can be deleted. Default: true. */
  readonly allowDelete?: boolean
}

interface StoredCore {
  readonly metadata: UnversionedCore
  readonly content: Uint8Array | undefined
  readonly decompressed: Uint8Array | undefined
}

const bootId = "0123456789abcdef0123456789abcdef"

const toStoredCore = (core: FakeCore): StoredCore => {
  const { comm = "crashme", compression = "none", node = "node-1", pid = 4242, signal = 11, uid = 0 } = core
  const time = core.time ?? 1_700_000_000_000_000
  const id = formatCoreId({ comm, uid, bootId, pid, usec: BigInt(time), compression })
  const name = signalName(signal)
  return {
    content: core.content,
    decompressed: core.decompressed ?? core.content,
    metadata: {
      id,
      node,
      compression,
      state: core.content === undefined ? "missing" : "present",
      ...(core.content === undefined ? {} : { size: core.content.length }),
      COREDUMP_PID: pid,
      COREDUMP_UID: uid,
      COREDUMP_SIGNAL: signal,
      ...(name === undefined ? {} : { COREDUMP_SIGNAL_NAME: name }),
      COREDUMP_COMM: comm,
      COREDUMP_TIMESTAMP: formatTimestamp(coreIdMicros(parseCoreIdOrDie(id)))!,
      ...core.fields as Record<string, never>
    }
  }
}

const parseCoreIdOrDie = (id: string) => {
  const parts = parseCoreId(id)
  if (parts._tag === "None") throw new Error(`not a core ID: ${id}`)
  return parts.value
}

const withoutHeavy = (core: UnversionedCore): UnversionedCore =>
  Object.fromEntries(Object.entries(core).filter(([key]) => !isHeavyField(key))) as UnversionedCore

const make = Effect.fnUntraced(function*(options: FakeCoreSourceOptions) {
  const index = yield* CoreIndex.make(options)
  const stored = new Map<string, StoredCore>()
  const startedAt = formatTimestamp((yield* Clock.currentTimeMillis) * 1000)!

  const update = (next: StoredCore) => {
    stored.set(refKey(next.metadata), next)
    index.put(withoutHeavy(next.metadata))
  }

  const find = ({ id, node }: CoreRef) =>
    Effect.suspend(() => {
      const core = stored.get(refKey({ id, node }))
      return core === undefined ? Effect.fail(new CoreNotFound({ id, node })) : Effect.succeed(core)
    })

  const removeFile = (ref: CoreRef) =>
    Effect.sync(() => {
      const core = stored.get(refKey(ref))
      if (core === undefined) return
      const { size: _, ...rest } = core.metadata
      update({ metadata: { ...rest, state: "missing" }, content: undefined, decompressed: undefined })
    })

  const source = CoreSource.of({
    list: (query) => Effect.sync(() => index.list(query)),
    get: (ref) =>
      Effect.map(find(ref), ({ metadata }): CoreMetadata => ({
        ...metadata,
        resourceVersion: index.get(ref)!.resourceVersion
      })),
    open: Effect.fnUntraced(function*(ref) {
      const { content, decompressed, metadata } = yield* find(ref)
      if (content === undefined) return yield* new CoreNotStored({ id: ref.id, node: ref.node })
      return {
        ref,
        size: content.length,
        compression: metadata.compression,
        lastModified: Date.parse(metadata.COREDUMP_TIMESTAMP),
        etag: `"${Hex.encode(Digest.md5.implementation!(content))}"`,
        bytes: (range?: ByteRange) => Stream.make(content.subarray(range?.start ?? 0, range?.end ?? content.length)),
        decompressed: decompressed === undefined || decompressed.length === 0
          ? Stream.fail(new CoreUnreadable({ id: ref.id, node: ref.node, detail: "The file is empty." }))
          : Stream.make(decompressed)
      } satisfies CoreFile
    }),
    remove: Effect.fnUntraced(function*(ref) {
      if (options.allowDelete === false) return yield* new DeletionDisabled()
      const { content } = yield* find(ref)
      if (content === undefined) return yield* new CoreNotStored({ id: ref.id, node: ref.node })
      yield* removeFile(ref)
    }),
    changes: (options) => index.changes(options),
    nodes: Effect.sync(() =>
      [...new Set([...index].map(({ node }) => node))].map((name) => {
        const cores = [...index].filter((core) => core.node === name)
        return {
          name,
          state: "ready" as const,
          since: startedAt,
          cores: cores.length,
          bytes: cores.reduce((sum, core) => sum + (core.size ?? 0), 0)
        }
      })
    )
  })

  const cores = FakeCores.of({
    put: (core) =>
      Effect.sync(() => {
        const next = toStoredCore(core)
        update(next)
        return { node: next.metadata.node, id: next.metadata.id }
      }),
    removeFile,
    remove: (ref) =>
      Effect.sync(() => {
        stored.delete(refKey(ref))
        index.remove(ref)
      })
  })

  return Context.make(CoreSource, source).pipe(Context.add(FakeCores, cores))
})

/** A `CoreSource` of scripted cores, and the service that scripts them. */
export const layerFakeCoreSource = (options: FakeCoreSourceOptions = {}): Layer.Layer<CoreSource | FakeCores> =>
  Layer.effectContext(make(options))
