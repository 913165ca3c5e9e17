import { Duration } from "effect"
import type { KubeApiError } from "../api/KubeApi.ts"

/** A watch that lasted this long was stable: after it, the backoff starts again at its shortest delay. */
const stableAfter = Duration.toMillis("5 seconds")

/** After other errors, the Kubernetes API may have lost its state, so the pods are listed again. */
const resumableErrors: ReadonlySet<KubeApiError["reason"]> = new Set([
  "unreachable",
  "timeout",
  "too-many-requests",
  "unauthorized",
  "forbidden"
])

/** How a watch ended. */
export interface EndedWatch {
  /** Milliseconds. */
  readonly lasted: number
  /** Whether the pods were listed right before. */
  readonly hasListed: boolean
  /** Undefined if the Kubernetes API ended the watch as requested. */
  readonly failure: KubeApiError | undefined
}

/** Whether the watch was stable. */
export const isStable = ({ lasted }: EndedWatch): boolean => lasted >= stableAfter

/**
 * Whether to wait before the next watch. An expired version needs no wait, because the pods are listed next, unless they
 * have just been listed.
 */
export const needsBackoff = (watch: EndedWatch): boolean =>
  !isStable(watch) && (watch.hasListed || watch.failure?.reason !== "gone")

/** Where a pod watch continues. No I/O. */
export class PodWatchPosition {
  readonly #cached: boolean
  #useCache: boolean
  /** The version of the last list or event. Undefined: list the pods first. */
  resourceVersion: string | undefined

  constructor(cached: boolean) {
    this.#cached = cached
    this.#useCache = cached
  }

  /** The minimum version of the next list. "0" allows any version in the cache of the Kubernetes API. */
  get listVersion(): string | undefined {
    return this.#useCache ? "0" : undefined
  }

  /** The watch was stable: the next list can come from the cache again. */
  onStable(): void {
    this.#useCache = this.#cached
  }

  /** The watch ended as requested. */
  onEnded(hasEvents: boolean): void {
    // The Kubernetes API sends a bookmark shortly before the end. Without one, the version may be from before its database
    // was restored. A watch from such a version would never send anything.
    if (!hasEvents) this.resourceVersion = undefined
  }

  onFailure({ reason }: KubeApiError): void {
    if (!resumableErrors.has(reason)) this.resourceVersion = undefined
    // The cache may be as old as the expired version.
    if (reason === "gone") this.#useCache = false
  }
}
