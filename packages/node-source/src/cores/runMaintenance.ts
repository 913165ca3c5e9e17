import { type CoreIndex, measureIndex } from "@koredump/core"
import { Clock, Effect } from "effect"
import type { HostWarnings } from "../host/HostWarnings.ts"
import type { AwaitedEntries } from "../journal/AwaitedEntries.ts"
import type { Journal } from "../journal/Journal.ts"
import type { StateDirectory } from "../pods/StateDirectory.ts"
import type { HostCores } from "./HostCores.ts"
import type { PodTracker } from "./PodTracker.ts"

/** What the maintenance of a host works on. */
interface MaintenanceOptions {
  readonly index: CoreIndex
  readonly cores: HostCores
  readonly pods: PodTracker | undefined
  readonly awaited: AwaitedEntries
  /** How long crashes without a core stay in the index. */
  readonly maxMissingAgeMillis: number
}

/** What the sweep of the state directory works on. */
interface SweepOptions {
  readonly state: StateDirectory
  readonly cores: HostCores
  readonly journal: Journal["Service"]
  readonly warnings: HostWarnings
}

const interval = "10 seconds"
/** Longer than the initial read of a large journal takes. */
const sweepInterval = "2 minutes"

/** Removes entries that are too old and updates the metrics, every 10 seconds. Never ends. */
export const runMaintenance = (
  { awaited, cores, index, maxMissingAgeMillis, pods }: MaintenanceOptions
): Effect.Effect<never> => {
  const updateMetrics = measureIndex(index)
  return Effect.gen(function*() {
    awaited.prune(performance.now())
    pods?.prune()
    cores.removeMissingBefore(((yield* Clock.currentTimeMillis) - maxMissingAgeMillis) * 1000)
    yield* updateMetrics
  }).pipe(Effect.andThen(Effect.sleep(interval)), Effect.forever)
}

/**
 * Removes stored pods of cores that no longer exist. Does nothing while the journal or the coredump directory is not
 * readable: the core may exist there.
 */
export const sweepState = Effect.fnUntraced(function*({ cores, journal, state, warnings }: SweepOptions) {
  const isReadable = !warnings.hasFailed("journal") && !warnings.hasFailed("directory") &&
    (yield* journal.warnings).length === 0
  if (isReadable) yield* state.sweep((stem) => cores.has(stem))
})

/** Sweeps the state directory every two minutes. Never ends. */
export const runSweeps = (options: SweepOptions): Effect.Effect<never> =>
  Effect.sleep(sweepInterval).pipe(Effect.andThen(sweepState(options)), Effect.forever)
