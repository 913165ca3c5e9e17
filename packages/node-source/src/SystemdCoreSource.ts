import { CoreIndex, CoreSource, leftOutWarning, PodResolver } from "@koredump/core"
import { Context, Deferred, Duration, Effect, type FileSystem, Layer, Option } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { followHost } from "./cores/followHost.ts"
import { HostCores } from "./cores/HostCores.ts"
import { makePodTracker } from "./cores/PodTracker.ts"
import { runMaintenance, runSweeps } from "./cores/runMaintenance.ts"
import { hostNameAt, type HostPaths, makeHostPaths } from "./host/HostPaths.ts"
import { HostWarnings } from "./host/HostWarnings.ts"
import { InvalidFileLog } from "./host/InvalidFileLog.ts"
import { canReadXattrs } from "./host/xattrs.ts"
import { AwaitedEntries } from "./journal/AwaitedEntries.ts"
import { Journal, layerJournalctl } from "./journal/Journal.ts"
import { makeCoreSource } from "./makeCoreSource.ts"
import { makeStateDirectory } from "./pods/StateDirectory.ts"
import { type SystemdCoreSourceOptions, SystemdHost } from "./SystemdHost.ts"

const xattrWarning = "Extended attributes of files cannot be read on this machine: " +
  "cores have fewer details until their journal entry is read."

/** Opens the state directory. Its files are written in the background. */
const openState = Effect.fnUntraced(
  function*(path: string, warnings: HostWarnings, run: (log: Effect.Effect<void>) => void) {
    const invalidFileLog = new InvalidFileLog({
      onInvalid: (file, reason) =>
        Effect.annotateLogs(Effect.logWarning("Invalid file in the state directory"), { file, reason }),
      onLimit: Effect.void,
      run
    })
    const state = makeStateDirectory(path, {
      ...warnings.state,
      onInvalidFile: (name, reason) => invalidFileLog.report(name, reason)
    })
    yield* Effect.forkScoped(state.run)
    return state
  }
)

/** Builds the parts of a source and connects them. */
const make = Effect.fnUntraced(function*(paths: HostPaths, options: SystemdCoreSourceOptions) {
  const { begin = Effect.void, maxChanges, namespaceRegex, stateDir } = options
  const node = options.nodeName ?? hostNameAt(paths.root)
  const maxCores = options.maxCores ?? 100_000
  const maxIndexBytes = options.maxIndexBytes ?? 160 * 1024 * 1024
  const journal = yield* Journal
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const warnings = new HostWarnings({ coredumpDir: paths.coredumpDir, stateDir, run })
  const awaited = new AwaitedEntries()
  const maxHiddenBytes = namespaceRegex === undefined ? 0 : maxIndexBytes / 4
  const index: CoreIndex = yield* CoreIndex.make({
    maxCores,
    maxBytes: maxIndexBytes - maxHiddenBytes,
    ...(maxChanges === undefined ? {} : { maxChanges }),
    onEvict: ({ id }) => cores.onEvicted(id)
  })
  const state = stateDir === undefined ? undefined : yield* openState(stateDir, warnings, run)
  const cores: HostCores = new HostCores(index, {
    node,
    maxCores,
    maxHiddenBytes,
    loadPod: (stem) => state?.load(stem),
    isVisible: ({ namespace }) =>
      namespaceRegex === undefined || (namespace !== undefined && namespaceRegex.test(namespace))
  })

  const resolver = Option.getOrUndefined(yield* Effect.serviceOption(PodResolver))
  const pods = resolver === undefined
    ? undefined
    : yield* makePodTracker({ cores, resolver, onResolved: (stem, pod) => state?.save(stem, pod) })
  if (pods !== undefined) yield* Effect.forkScoped(pods.run)

  const ready = yield* followHost({ paths, cores, pods, awaited, warnings, begin, run })

  const maxMissingAgeMillis = Duration.toMillis(options.maxMissingAge ?? "30 days")
  const maintain = Effect.all([
    runMaintenance({ index, cores, pods, awaited, maxMissingAgeMillis }),
    state === undefined ? Effect.void : runSweeps({ state, cores, journal, warnings })
  ], { concurrency: "unbounded" })
  yield* Deferred.await(ready).pipe(Effect.andThen(maintain), Effect.forkScoped)

  const sentences = Effect.gen(function*() {
    const leftOut = leftOutWarning(index)
    return [
      ...warnings.sentences,
      ...(leftOut === undefined ? [] : [leftOut]),
      ...yield* journal.warnings,
      ...(resolver === undefined ? [] : yield* resolver.warnings),
      ...(canReadXattrs() ? [] : [xattrWarning])
    ]
  })
  const source = yield* makeCoreSource({
    paths,
    node,
    index,
    cores,
    allowDelete: options.allowDelete === true,
    ready,
    warnings: sentences
  })
  return Context.make(CoreSource, source).pipe(
    Context.add(SystemdHost, SystemdHost.of({ ready: Deferred.await(ready), warnings: sentences }))
  )
})

/** Like {@link layerSystemdCoreSource}, with the `Journal` in the context. For tests. */
export const layerSystemdCoreSourceNoJournal = (
  options: SystemdCoreSourceOptions = {}
): Layer.Layer<CoreSource | SystemdHost, never, Journal | FileSystem.FileSystem> =>
  Layer.effectContext(make(makeHostPaths(options), options))

/**
 * The cores that systemd-coredump stores on this host, or on a host whose file system is mounted.
 *
 * If a `PodResolver` is provided, cores have the names of their pods. Without one, they have only the IDs from the cgroup.
 * The layer is available immediately. Until `SystemdHost.ready` completes, requests fail with `NotReady`.
 */
export const layerSystemdCoreSource = (
  options: SystemdCoreSourceOptions = {}
): Layer.Layer<
  CoreSource | SystemdHost,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem
> => Layer.provide(layerSystemdCoreSourceNoJournal(options), layerJournalctl(makeHostPaths(options)))
