/** The host that a `SystemdCoreSource` serves: what is to be known of it beforehand, and how things stand with it. */
import { Context, type Duration, type Effect } from "effect"

/** What is to be known about the host. */
export interface SystemdCoreSourceOptions {
  /** Where the host's file system is mounted; `/` unless said. */
  readonly root?: string
  /** `<root>/var/lib/systemd/coredump` unless said. */
  readonly coredumpDir?: string
  /** The host's name unless said. */
  readonly nodeName?: string
  /** Whether cores may be deleted; not unless said. */
  readonly allowDelete?: boolean
  /** Most cores known; beyond it the oldest that are `missing` go first. */
  readonly maxCores?: number
  /** Changes kept for watchers; one that falls further behind has to list again. 16,384 unless said. */
  readonly maxChanges?: number
  /** How long crashes are known whose core is not there; 30 days unless said. */
  readonly maxMissingAge?: Duration.Input
  /**
   * Only cores of pods in namespaces that match are shown, see `parseNamespaceRegex`. One whose namespace is not known
   * is not shown, nor are cores of the host's own processes.
   */
  readonly namespaceRegex?: RegExp | undefined
  /** Where to keep which pod a core came from; nowhere unless said. */
  readonly stateDir?: string | undefined
  /** The reading begins when this ends; at once unless said. */
  readonly begin?: Effect.Effect<void>
}

/** How things stand with the host. */
export class SystemdHost extends Context.Service<SystemdHost, {
  /** Ends when the directory has been scanned and the journal read, or found not to be readable. */
  readonly ready: Effect.Effect<void>
  /** What lacks, in words. Empty when all is well. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/node-source/SystemdHost") {}
