import type { PodCgroup, PodIdentity } from "@koredump/core"
import type { ContainerInfo, PodInfo } from "./podInfo.ts"

interface IndexedPod extends Omit<PodInfo, "containers"> {
  readonly containers: Map<string, ContainerInfo>
}

/** Container IDs that are kept for one pod. A pod that crashes continuously has a new one every 5 minutes. */
const maxContainers = 1000

/** Limits of a {@link PodIndex}. */
interface PodIndexOptions {
  /** How long a deleted pod is kept, in milliseconds. */
  readonly retention: number
  /** Number of deleted pods that are kept. Above it, the one that was deleted first is removed first. */
  readonly maxDeleted: number
}

/**
 * The pods of a node by cgroup. Deleted pods, and earlier containers of a pod, stay for a while: a core may be found long
 * after its pod was deleted, and a restart removes the previous container ID from the status of the pod.
 */
export class PodIndex {
  readonly #options: PodIndexOptions
  readonly #pods = new Map<string, IndexedPod>()
  readonly #byCgroup = new Map<string, Array<IndexedPod>>()
  /** Deletion times by UID, in the order of deletion. */
  readonly #deletedAt = new Map<string, number>()

  constructor(options: PodIndexOptions) {
    this.#options = options
  }

  /** Number of pods, including deleted ones. */
  get size(): number {
    return this.#pods.size
  }

  /** Adds or updates a pod. Returns whether its identities have changed. */
  put(pod: PodInfo): boolean {
    this.#deletedAt.delete(pod.uid)
    const before = this.#pods.get(pod.uid)
    const containers = before?.containers ?? new Map<string, ContainerInfo>()
    let isChanged = JSON.stringify(before?.identity) !== JSON.stringify(pod.identity)
    for (const [id, container] of pod.containers) {
      const known = containers.get(id)
      // Values from the time when the container ran are kept.
      const merged = { ...container, ...known }
      if (known !== undefined && Object.keys(merged).length === Object.keys(known).length) continue
      containers.set(id, merged)
      isChanged = true
    }
    for (const id of containers.keys()) {
      if (containers.size <= maxContainers) break
      containers.delete(id)
    }
    if (before !== undefined) this.#unlink(before)
    const indexed = { ...pod, containers }
    this.#pods.set(pod.uid, indexed)
    this.#byCgroup.set(pod.cgroupUid, [...this.#byCgroup.get(pod.cgroupUid) ?? [], indexed])
    return isChanged
  }

  /** The pod was deleted. */
  markDeleted(uid: string, now: number): void {
    if (!this.#pods.has(uid) || this.#deletedAt.has(uid)) return
    this.#deletedAt.set(uid, now)
    this.prune(now)
  }

  /** All pods except these were deleted. */
  markDeletedExcept(uids: ReadonlySet<string>, now: number): void {
    for (const uid of this.#pods.keys()) {
      if (!uids.has(uid)) this.markDeleted(uid, now)
    }
  }

  /** Removes deleted pods after their retention. */
  prune(now: number): void {
    for (const [uid, deletedAt] of this.#deletedAt) {
      if (now - deletedAt < this.#options.retention && this.#deletedAt.size <= this.#options.maxDeleted) break
      this.#deletedAt.delete(uid)
      const pod = this.#pods.get(uid)
      this.#pods.delete(uid)
      if (pod !== undefined) this.#unlink(pod)
    }
  }

  /** The identity of the pod and container of a cgroup. Empty if it is unknown or ambiguous. */
  resolve({ containerId, podUid }: PodCgroup): PodIdentity {
    const pods = this.#byCgroup.get(podUid) ?? []
    if (containerId !== undefined) {
      const [first, ...others] = pods.filter(({ containers }) => containers.has(containerId)).toReversed()
      if (first !== undefined) {
        // A static pod gets a new mirror pod, with a new UID, when it is created again. Another name is a forgery.
        const { namespace, pod } = first.identity
        if (others.some(({ identity }) => identity.namespace !== namespace || identity.pod !== pod)) return {}
        return { ...first.identity, container_id: containerId, ...first.containers.get(containerId) }
      }
    }
    return pods.find(({ isMirror }) => !isMirror)?.identity ?? {}
  }

  #unlink(pod: IndexedPod): void {
    const others = (this.#byCgroup.get(pod.cgroupUid) ?? []).filter((other) => other !== pod)
    if (others.length === 0) this.#byCgroup.delete(pod.cgroupUid)
    else this.#byCgroup.set(pod.cgroupUid, others)
  }
}
