/** What a source shows, for tests that wait for it. */
import { CoreSource, type CoreSummary } from "@koredump/core"
import { Effect, Stream } from "effect"

/** All cores, in whatever state. */
export const listed = Effect.map(CoreSource.use((source) => source.list({ state: "any" })), ({ cores }) => cores)

/** Waits until the list is as wanted. */
export const until = (holds: (cores: ReadonlyArray<CoreSummary>) => boolean) =>
  Stream.unwrap(CoreSource.useSync((source) => source.changes({ filter: { state: "any" } }))).pipe(
    Stream.mapEffect(() => listed),
    Stream.takeUntil(holds),
    Stream.runDrain
  )

export const states = (cores: ReadonlyArray<CoreSummary>): string => cores.map(({ state }) => state).join()
