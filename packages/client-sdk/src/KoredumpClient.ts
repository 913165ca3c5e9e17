/** The Promise form of `Koredump`, over any layer of it. */
import type { CoreEvent, CoreList, CoreMetadata, CoreSource, NodeStatus } from "@koredump/core"
import { Cause, Effect, Exit, type Layer, ManagedRuntime, Scope, Stream } from "effect"
import type { CoresQuery } from "./CoresQuery.ts"
import { type CoreName, type DownloadFacts, type DownloadQuery, Koredump, type WatchQuery } from "./Koredump.ts"

/** What every operation takes. */
export interface CallOptions {
  /** Ends the operation: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A download: what is known of it, and its bytes. */
export interface Download extends DownloadFacts {
  /** Errors where it breaks off; it never just ends. Cancel it where it is not read to its end. */
  readonly body: ReadableStream<Uint8Array>
}

/**
 * Access to the cores of a koredump server. What goes wrong rejects with one of core's problem classes: branch on
 * `_tag` or `type`, never on the text.
 */
export interface KoredumpClient extends AsyncDisposable {
  /** The cores that match, oldest first unless said. */
  list(query?: CoresQuery, options?: CallOptions): Promise<CoreList>
  /** The pages of a list, each of at most `limit` cores (500 unless said). */
  iterate(query?: CoresQuery, options?: CallOptions): AsyncIterable<CoreList>
  /** Everything known of one core, heavy fields included. */
  metadata(core: CoreName, options?: CallOptions): Promise<CoreMetadata>
  /** Opens a stored core. */
  download(core: CoreName, options?: DownloadQuery & CallOptions): Promise<Download>
  /** What happens, without end: reconnects and resumes, and after a gap tells only the difference. */
  watch(query?: WatchQuery, options?: CallOptions): AsyncIterable<CoreEvent>
  /** How things stand with each node. */
  nodes(options?: CallOptions): Promise<ReadonlyArray<NodeStatus>>
  /** Deletes a stored core. Most servers do not allow it. */
  delete(core: CoreName, options?: CallOptions): Promise<void>
  /** Ends all that is still going on. The same as `await using`. */
  close(): Promise<void>
}

type Runtime = ManagedRuntime.ManagedRuntime<CoreSource | Koredump, never>

// A property, not a map of this module: each entry of the package may be bundled with a copy of its own.
const runtimeOf = Symbol.for("@koredump/client/runtime")

const settle = <A>(exit: Exit.Exit<A, unknown>, signal: AbortSignal | undefined): A => {
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true) throw signal.reason
  const error = Cause.squash(exit.cause)
  // What Effect's runtime says of a call after its end.
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
  return settle(await runtime.runPromiseExit(effect, signal === undefined ? {} : { signal }), signal)
}

/** Runs an effect over the source of a client, for what other entries add to it. */
export const runOnClient = <A, E>(
  client: KoredumpClient,
  effect: Effect.Effect<A, E, CoreSource>,
  options: CallOptions
): Promise<A> => runWith((client as KoredumpClient & { readonly [runtimeOf]: Runtime })[runtimeOf], effect, options)

const aborted = (signal: AbortSignal): Effect.Effect<never, unknown> =>
  Effect.callback((resume) => {
    const abort = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })

/** A client over a layer; it is built at the first call. */
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
    const ending = signal === undefined ? stream : Stream.interruptWhen(stream, aborted(signal))
    return {
      async *[Symbol.asyncIterator]() {
        yield* Stream.toAsyncIterableWith(ending, await runtime.context())
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
      body: Stream.toReadableStream(signal === undefined ? bytes : Stream.interruptWhen(bytes, aborted(signal)))
    }
  }

  const client: KoredumpClient & { readonly [runtimeOf]: Runtime } = {
    [runtimeOf]: runtime,
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
