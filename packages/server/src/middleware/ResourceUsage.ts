import { Context, Effect, type Scope } from "effect"

/** How much of a limit is in use. Both in the same unit. */
export interface Usage {
  readonly used: number
  readonly limit: number
}

/** The part of a limit from which operators are warned. */
const warningThreshold = 0.8

/**
 * A warning for a limit that is almost or completely in use, else undefined. `name` completes the sentence "90 % of the
 * limit for …", for example `open connections`. It is shown without a token, so it must not contain anything variable.
 */
export const toUsageWarning = (name: string, { limit, used }: Usage): string | undefined =>
  limit <= 0 || used / limit < warningThreshold
    ? undefined
    : `${Math.floor(100 * used / limit)} % of the limit for ${name} is in use.`

/** What a server uses, and what is worth a warning in `/readyz` and in the status of its node. */
interface ResourceUsageShape {
  /** Adds a limit until the scope ends. */
  readonly register: (name: string, read: () => Usage) => Effect.Effect<void, never, Scope.Scope>
  /**
   * Adds another condition until the scope ends: undefined, or a sentence. It is shown without a token, so it must not
   * contain anything variable.
   */
  readonly addWarning: (read: () => string | undefined) => Effect.Effect<void, never, Scope.Scope>
  /** A sentence for each limit that is almost or completely in use, and for each other condition. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}

/** Makes a registry without limits. */
export const makeResourceUsage = (): ResourceUsageShape => {
  const reads = new Set<() => string | undefined>()
  const addWarning: ResourceUsageShape["addWarning"] = (read) =>
    Effect.acquireRelease(Effect.sync(() => reads.add(read)), () => Effect.sync(() => reads.delete(read)))
  return {
    addWarning,
    register: (name, read) => addWarning(() => toUsageWarning(name, read())),
    warnings: Effect.sync(() => Array.from(reads, (read) => read()).filter((text) => text !== undefined))
  }
}

/**
 * The limits of the current server. `layerServe` provides one for each server. A reference, so that an embedded app needs
 * no layer for it.
 */
export const ResourceUsage = Context.Reference<ResourceUsageShape>("@koredump/server/ResourceUsage", {
  defaultValue: makeResourceUsage
})
