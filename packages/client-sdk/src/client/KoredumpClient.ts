import type { CoreEvent, CoreList, CoreMetadata, CoreSource, NodeStatus } from "@koredump/core"
import { Cause, Effect, Exit, type Layer, ManagedRuntime, Scope, Stream } from "effect"
import type { CoresQuery } from "./CoresQuery.ts"
import { type CoreName, type DownloadInfo, type DownloadQuery, Koredump, type WatchQuery } from "./Koredump.ts"

/** Options of every operation. */
export interface CallOptions {
  /** Aborts the operation: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A download. */
export interface Download extends DownloadInfo {
  /** The bytes. An incomplete download errors the stream. Cancel the stream if you do not read it to the end. */
  readonly body: ReadableStream<Uint8Array>
}

/**
 * A client of a koredump server. Operations reject with one of the problem classes of `@koredump/core`: check `_tag` or
 * `type`, never the text.
 */
export interface KoredumpClient extends AsyncDisposable {
  /** Returns the cores that match. Default order: oldest first */
  list(query?: CoresQuery, options?: CallOptions): Promise<CoreList>
  /** The pages of a list, each with at most `limit` cores. Default: 500 */
  iterate(query?: CoresQuery, options?: CallOptions): AsyncIterable<CoreList>
  /** Returns all fields of a core, including heavy fields. */
  metadata(core: CoreName, options?: CallOptions): Promise<CoreMetadata>
  /** Opens a stored core. */
  download(core: CoreName, options?: DownloadQuery & CallOptions): Promise<Download>
  /** Changes of the cores that match. Never ends: reconnects and resumes. After a gap, only the difference comes. */
  watch(query?: WatchQuery, options?: CallOptions): AsyncIterable<CoreEvent>
  /** Returns the state of each node. */
  nodes(options?: CallOptions): Promise<ReadonlyArray<NodeStatus>>
  /** Deletes a stored core. Rejects with `DeletionDisabled` unless the server allows deletion. */
  delete(core: CoreName, options?: CallOptions): Promise<void>
  /** Aborts all pending operations. `await using` does the same. */
  close(): Promise<void>
}

type Runtime = ManagedRuntime.ManagedRuntime<CoreSource | Koredump, never>

// A property, not a WeakMap of this module: each entry of the package may be bundled with its own copy of the module.
const runtimeKey = Symbol.for("@koredump/client/runtime")

const unwrapExit = <A>(exit: Exit.Exit<A, unknown>, signal: AbortSignal | undefined): A => {
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true) throw signal.reason
  const error = Cause.squash(exit.cause)
  // The error of Effect's runtime for a call after its end.
  if (Cause.hasInterruptsOnly(exit.cause) || error === "ManagedRuntime disposed") {
    throw new DOMException("The koredump client was closed.", "AbortError")
  }
  throw error
}

const runWith = async <A, E, R extends CoreSource | Koredump>(
  runtime: Runtime,
  effect: Effect.Effect<A, E, R>,
  { signal }: CallOptions
): Promise<A> => {
  signal?.throwIfAborted()
  return unwrapExit(await runtime.runPromiseExit(effect, signal === undefined ? {} : { signal }), signal)
}

/** Runs an effect with the `CoreSource` of a client. Other entries of the package add operations with it. */
export const runOnClient = <A, E>(
  client: KoredumpClient,
  effect: Effect.Effect<A, E, CoreSource>,
  options: CallOptions
): Promise<A> => runWith((client as KoredumpClient & { readonly [runtimeKey]: Runtime })[runtimeKey], effect, options)

const failOnAbort = (signal: AbortSignal): Effect.Effect<never, unknown> =>
  Effect.callback((resume) => {
    const abort = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })

/** A client over a layer. The layer is built at the first call. */
export const makeKoredumpClient = (layer: Layer.Layer<CoreSource | Koredump>): KoredumpClient => {
  const runtime: Runtime = ManagedRuntime.make(layer)

  const run = <A, E>(
    operation: (koredump: Koredump["Service"]) => Effect.Effect<A, E>,
    options: CallOptions = {}
  ): Promise<A> => runWith(runtime, Koredump.use(operation), options)

  const iterable = <A, E>(
    operation: (koredump: Koredump["Service"]) => Stream.Stream<A, E>,
    { signal }: CallOptions = {}
  ): AsyncIterable<A> => {
    const stream: Stream.Stream<A, unknown, Koredump> = Stream.unwrap(Koredump.useSync(operation))
    const abortable = signal === undefined ? stream : Stream.interruptWhen(stream, failOnAbort(signal))
    return {
      async *[Symbol.asyncIterator]() {
        yield* Stream.toAsyncIterableWith(abortable, await runtime.context())
      }
    }
  }

  const download: KoredumpClient["download"] = async (core, options = {}) => {
    const scope = Scope.makeUnsafe()
    const close = (exit: Exit.Exit<unknown, unknown>) => Scope.close(scope, exit)
    const opened = await run(
      (koredump) =>
        koredump.download(core, options).pipe(
          Scope.provide(scope),
          Effect.onError((cause) => close(Exit.failCause(cause)))
        ),
      options
    )
    const { signal } = options
    const bytes: Stream.Stream<Uint8Array, unknown> = Stream.onExit(opened.body, close)
    return {
      ...opened,
      body: Stream.toReadableStream(signal === undefined ? bytes : Stream.interruptWhen(bytes, failOnAbort(signal)))
    }
  }

  const client: KoredumpClient & { readonly [runtimeKey]: Runtime } = {
    [runtimeKey]: runtime,
    list: (query, options) => run((koredump) => koredump.list(query), options),
    iterate: (query, options) => iterable((koredump) => koredump.iterate(query), options),
    metadata: (core, options) => run((koredump) => koredump.metadata(core), options),
    download,
    watch: (query, options) => iterable((koredump) => koredump.watch(query), options),
    nodes: (options) => run((koredump) => koredump.nodes, options),
    delete: (core, options) => run((koredump) => koredump.delete(core), options),
    close: () => runtime.dispose(),
    [Symbol.asyncDispose]: () => runtime.dispose()
  }
  return client
}
