/** The cores that systemd-coredump keeps on this host (or on one whose file system is mounted), as a `CoreSource`. */
import {
  CoreIndex,
  type CoreMetadata,
  CoreNotFound,
  CoreNotStored,
  type CoreRef,
  CoreSource,
  DeletionDisabled,
  formatTimestamp,
  measureIndex,
  type NodeStatus,
  NotReady,
  PodResolver
} from "@koredump/core"
import {
  Cause,
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  FileSystem,
  Latch,
  Layer,
  Metric,
  Option,
  Schedule,
  Stream
} from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { machine } from "node:os"
import { HostCores } from "./cores/HostCores.ts"
import { trackPods } from "./cores/PodTracker.ts"
import { watchCoreDirectory } from "./host/CoreDirectory.ts"
import { hostNameAt, type HostPaths, hostPaths } from "./host/HostPaths.ts"
import { openCore } from "./host/openCore.ts"
import { removeCore } from "./host/removeCore.ts"
import { canReadXattrs } from "./host/xattrs.ts"
import { Journal, layerJournalctl } from "./journal/Journal.ts"
import { readMetadata } from "./journal/JournalEntry.ts"
import { coredumpUid } from "./journal/journalTrust.ts"
import { readJournal } from "./journal/readJournal.ts"
import { makeStateDirectory } from "./pods/StateDirectory.ts"
import { type SystemdCoreSourceOptions, SystemdHost } from "./SystemdHost.ts"

const oddFiles = Metric.counter("koredump_odd_files_total", {
  description: "Files in the coredump directory that are no cores",
  incremental: true
})

const maxOddFiles = 100
/** systemd-coredump may work on the stack trace for five minutes before it writes the entry. */
const entryDue = Duration.toMillis("6 minutes")
const heavyTimeout = "10 seconds"
/** Longer than a large journal is read at start. */
const sweepInterval = "2 minutes"

const make = Effect.fnUntraced(function*(paths: HostPaths, options: SystemdCoreSourceOptions) {
  const fs = yield* FileSystem.FileSystem
  const journal = yield* Journal
  const node = options.nodeName ?? hostNameAt(paths.root)
  const maxCores = options.maxCores ?? 100_000
  const maxMissingAge = Duration.toMillis(options.maxMissingAge ?? "30 days")
  const index = yield* CoreIndex.make({
    maxCores,
    ...(options.maxChanges === undefined ? {} : { maxChanges: options.maxChanges })
  })
  const log = Effect.runForkWith(yield* Effect.context<never>())
  const isoNow = Effect.map(Clock.currentTimeMillis, (millis) => formatTimestamp(millis * 1000)!)
  let since = yield* isoNow

  const journalRead = yield* Deferred.make<void>()
  const ready = yield* Deferred.make<void>()
  const lacking = new Map<"journal" | "directory" | "state" | "cores", string>()
  const setLacking = (what: "journal" | "directory" | "state" | "cores") => (why: string | undefined) => {
    if (why === lacking.get(what)) return
    if (why === undefined) lacking.delete(what)
    else {
      lacking.set(what, why)
      log(Effect.logWarning(why))
    }
  }

  const oddState = new Set<string>()
  const state = options.stateDir === undefined ? undefined : makeStateDirectory(options.stateDir, {
    lacking: setLacking("state"),
    odd: (name, why) => {
      if (oddState.has(name) || oddState.size > maxOddFiles) return
      oddState.add(name)
      log(Effect.logWarning(`A file in the state directory is not used: ${why}`).pipe(Effect.annotateLogs({ name })))
    }
  })
  const { namespaceRegex } = options
  const cores = new HostCores(index, {
    node,
    maxCores,
    recall: (stem) => state?.recall(stem),
    shows: ({ namespace }) =>
      namespaceRegex === undefined || (namespace !== undefined && namespaceRegex.test(namespace))
  })
  const resolver = yield* Effect.serviceOption(PodResolver)
  const pods = Option.isNone(resolver) ? undefined : yield* trackPods({
    cores,
    resolver: resolver.value,
    found: (stem, pod) => state?.keep(stem, pod)
  })

  const odd = new Set<string>()
  const meetOddFile = (name: string, why: string) => {
    if (odd.has(name) || odd.size > maxOddFiles) return
    odd.add(name)
    log(
      Metric.update(oddFiles, 1).pipe(Effect.andThen(
        odd.size > maxOddFiles
          ? Effect.logWarning("Further files in the coredump directory are no cores; they are not logged")
          : Effect.logWarning(`A file in the coredump directory is no core: ${why}`).pipe(Effect.annotateLogs({ name }))
      ))
    )
  }

  // Files whose entry should come soon, and until when it is worth waiting for.
  const awaited = new Map<string, number>()
  const expecting = yield* Latch.make()
  const stopAwaiting = (id: string) => {
    if (awaited.delete(id) && awaited.size === 0) expecting.closeUnsafe()
  }

  const awaitEntry = (id: string) => {
    if (!Deferred.isDoneUnsafe(ready) || cores.entry(id) !== undefined || cores.file(id) !== undefined) return
    awaited.set(id, performance.now() + entryDue)
    expecting.openUnsafe()
  }

  const passwd = yield* Effect.orElseSucceed(fs.readFileString(paths.passwd), () => "")
  const reader = readJournal({
    coredumpUid: coredumpUid(passwd),
    machine: paths.isThisHost ? machine() : undefined
  }, {
    entry: (facts) => {
      cores.putEntry(facts)
      pods?.met(facts)
      stopAwaiting(facts.id)
    },
    expecting: expecting.await,
    isExpecting: () => awaited.size > 0,
    read: () => Deferred.doneUnsafe(journalRead, Effect.void),
    lacking: setLacking("journal")
  })

  const setUnreadable = setLacking("cores")
  const tellUnreadable = () =>
    setUnreadable(cores.unreadable === undefined ? undefined : `not all cores can be read, not ${cores.unreadable}`)

  const directory = watchCoreDirectory(paths, {
    known: (name) => cores.file(name),
    knownNames: () => cores.fileNames(),
    wantsXattrs: (name) => cores.entry(name) === undefined,
    found: (file) => {
      awaitEntry(file.id)
      cores.putFile(file)
      tellUnreadable()
    },
    gone: (name) => {
      cores.removeFile(name)
      tellUnreadable()
      odd.delete(name)
      stopAwaiting(name)
    },
    odd: meetOddFile,
    scanned: () => {
      cores.publish()
      Deferred.doneUnsafe(ready, Effect.void)
    },
    lacking: setLacking("directory")
  })

  // Reading that a defect ends, though it has no end, would leave what is shown to grow old in silence.
  const forkForever = <E, R>(what: "journal" | "directory", reading: Effect.Effect<never, E, R>) =>
    reading.pipe(
      Effect.tapCause((cause) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.void
        lacking.set(what, `the ${what} is not read any more, by a defect of koredump: see the log`)
        Deferred.doneUnsafe(what === "journal" ? journalRead : ready, Effect.void)
        return Effect.logFatal(`The ${what} is not read any more, by a defect of koredump`, cause)
      }),
      Effect.forkScoped
    )

  const measure = measureIndex(index)
  const keepHouse = Effect.gen(function*() {
    const now = performance.now()
    for (const [id, until] of awaited) if (until < now) stopAwaiting(id)
    cores.removeMissingBefore(((yield* Clock.currentTimeMillis) - maxMissingAge) * 1000)
    yield* measure
  })

  const keepState = Effect.gen(function*() {
    pods?.tidy()
    // A core may well be known to the one that cannot be read now.
    const isBlind = lacking.has("journal") || lacking.has("directory") || (yield* journal.lacking).length > 0
    if (state !== undefined && !isBlind) yield* state.sweep((stem) => cores.knows(stem))
  })

  if (pods !== undefined) yield* Effect.forkScoped(pods.run)
  if (state !== undefined) yield* Effect.forkScoped(state.run)
  yield* forkForever("journal", Effect.andThen(options.begin ?? Effect.void, reader))
  yield* forkForever("directory", Effect.andThen(Deferred.await(journalRead), directory))
  yield* Deferred.await(ready).pipe(
    Effect.andThen(isoNow),
    Effect.tap((now) =>
      Effect.sync(() => {
        since = now
      })
    ),
    Effect.andThen(Effect.all([
      Effect.repeat(keepHouse, Schedule.spaced("10 seconds")),
      Effect.repeat(Effect.delay(keepState, sweepInterval), Schedule.forever)
    ], { concurrency: "unbounded" })),
    Effect.forkScoped
  )

  const whenReady = Effect.suspend(() =>
    Deferred.isDoneUnsafe(ready)
      ? Effect.void
      : Effect.fail(new NotReady({ detail: "The host's cores are being read for the first time." }))
  )

  const find = Effect.fnUntraced(function*(ref: CoreRef) {
    yield* whenReady
    return index.get(ref) ?? (yield* new CoreNotFound(refOf(ref)))
  })

  const findStored = Effect.fnUntraced(function*(ref: CoreRef) {
    const core = yield* find(ref)
    if (core.state !== "missing") return
    return yield* new CoreNotStored({ ...refOf(ref), ...(core.reason === undefined ? {} : { detail: core.reason }) })
  })

  const heavyFields = (ref: CoreRef) => {
    const entry = cores.entry(ref.id)
    if (entry === undefined) return Effect.succeed({})
    return journal.read(entry.cursor).pipe(
      Effect.timeout(heavyTimeout),
      Effect.map(Option.match({ onNone: () => ({}), onSome: readMetadata })),
      Effect.catch((error) =>
        Effect.logWarning("The entry of a core cannot be read", error.message).pipe(
          Effect.annotateLogs({ id: ref.id }),
          Effect.as({})
        )
      )
    )
  }

  const lackingOfPods = Option.match(resolver, {
    onNone: () => Effect.succeed([]),
    onSome: ({ warnings: lacking }) => lacking
  })
  const warnings = Effect.zipWith(journal.lacking, lackingOfPods, (lackingInJournal, lackingOfPods) => [
    ...lacking.values(),
    ...lackingInJournal,
    ...lackingOfPods,
    ...(canReadXattrs() ? [] : ["extended attributes of files cannot be read on this machine"])
  ])

  const source = CoreSource.of({
    list: (query) => Effect.map(whenReady, () => index.list(query)),
    get: Effect.fn("SystemdCoreSource.get")(function*(ref) {
      yield* find(ref)
      const heavy = yield* heavyFields(ref)
      // The newest summary: it may have changed while the journal was read.
      return { ...yield* find(ref), ...heavy } as CoreMetadata
    }),
    open: Effect.fn("SystemdCoreSource.open")(function*(ref) {
      yield* findStored(ref)
      return yield* openCore(paths, refOf(ref))
    }),
    remove: Effect.fn("SystemdCoreSource.remove")(function*(ref) {
      if (options.allowDelete !== true) return yield* new DeletionDisabled()
      yield* findStored(ref)
      yield* removeCore(paths, refOf(ref))
      cores.removeFile(ref.id)
    }),
    changes: (options) => Stream.unwrap(Effect.map(whenReady, () => index.changes(options))),
    nodes: Effect.gen(function*() {
      const lacks = yield* warnings
      const corePattern = paths.isThisHost
        ? yield* Effect.option(fs.readFileString(paths.corePattern))
        : Option.none()
      const status: NodeStatus = {
        name: node,
        state: Deferred.isDoneUnsafe(ready) ? "ready" : "syncing",
        since,
        lastContact: yield* isoNow,
        cores: index.size,
        bytes: cores.bytes,
        ...(lacks.length === 0 ? {} : { warnings: lacks }),
        ...(Option.isNone(corePattern) ? {} : { corePattern: corePattern.value.trim() })
      }
      return [status]
    })
  })

  return Context.make(CoreSource, source).pipe(
    Context.add(SystemdHost, SystemdHost.of({ ready: Deferred.await(ready), warnings }))
  )
})

/** The reference alone, where more was given: problems take no other keys. */
const refOf = ({ id, node }: CoreRef): CoreRef => ({ node, id })

/** The source over a journal of the caller's choice, for tests. */
export const layerSystemdCoreSourceNoJournal = (
  options: SystemdCoreSourceOptions = {}
): Layer.Layer<CoreSource | SystemdHost, never, Journal | FileSystem.FileSystem> =>
  Layer.effectContext(make(hostPaths(options), options))

/**
 * The cores of this host. Where there is a `PodResolver`, it tells their pods; else the cgroup alone does. The layer is there at once; until `SystemdHost.ready` the source fails with `NotReady`. */
export const layerSystemdCoreSource = (
  options: SystemdCoreSourceOptions = {}
): Layer.Layer<
  CoreSource | SystemdHost,
  never,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem
> => Layer.provide(layerSystemdCoreSourceNoJournal(options), layerJournalctl(hostPaths(options)))
