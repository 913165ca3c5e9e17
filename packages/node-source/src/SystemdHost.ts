import { Context, type Duration, type Effect } from "effect"

/** Settings of a source for the cores of one host. */
export interface SystemdCoreSourceOptions {
  /** The directory where the file system of the host is mounted. Default: `/` */
  readonly root?: string
  /** Default: `<root>/var/lib/systemd/coredump` */
  readonly coredumpDir?: string
  /** The node name of the cores. Default: the name of the host */
  readonly nodeName?: string
  /** Whether callers can delete cores. Default: false */
  readonly allowDelete?: boolean
  /** Maximum number of cores in the index. Above it, the oldest `missing` cores are removed first. Default: 100,000 */
  readonly maxCores?: number
  /**
   * Maximum memory of the index in bytes, estimated by `measureCore`. Above it, the oldest `missing` cores are removed first,
   * then the oldest. It also holds while the journal is read. Default: 160 MiB
   */
  readonly maxIndexBytes?: number
  /** Number of changes kept for watches. A watch that falls further behind must list again. Default: 16,384 */
  readonly maxChanges?: number
  /** How long crashes without a core stay in the index. Default: 30 days */
  readonly maxMissingAge?: Duration.Input
  /**
   * Shows only cores of pods in namespaces that match, see `parseNamespaceRegex`. Hides cores with an unknown namespace
   * and cores of processes outside of pods. Default: shows all cores
   */
  readonly namespaceRegex?: RegExp | undefined
  /** The directory where the pod identities of cores are stored. Default: they are not stored */
  readonly stateDir?: string | undefined
  /** Reading starts when this effect completes. Default: immediately */
  readonly begin?: Effect.Effect<void>
}

/** The condition of the host that a `SystemdCoreSource` serves. */
export class SystemdHost extends Context.Service<SystemdHost, {
  /** Completes when the directory has been scanned and the journal has been read, or found not readable. */
  readonly ready: Effect.Effect<void>
  /** Sentences for operators about parts that do not work. Empty if everything works. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/node-source/SystemdHost") {}
