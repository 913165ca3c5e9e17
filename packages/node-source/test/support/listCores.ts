/** Lists the cores of a source and waits for changes. */
import { CoreSource, type CoreSummary } from "@koredump/core"
import { Effect, Stream } from "effect"

/** All cores in any state. */
export const listCores = Effect.map(CoreSource.use((source) => source.list({ state: "any" })), ({ cores }) => cores)

/** Waits until the condition holds for the list of cores. */
export const waitForCores = (holds: (cores: ReadonlyArray<CoreSummary>) => boolean) =>
  Stream.unwrap(CoreSource.useSync((source) => source.changes({ filter: { state: "any" } }))).pipe(
    Stream.mapEffect(() => listCores),
    Stream.takeUntil(holds),
    Stream.runDrain
  )

/** The states of the cores, as one text. */
export const toStates = (cores: ReadonlyArray<CoreSummary>): string => cores.map(({ state }) => state).join()
