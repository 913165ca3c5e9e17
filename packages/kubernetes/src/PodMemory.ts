/**
 * The pods of a node, those that are gone included for a while: a core may be found long after its pod was deleted, and
 * each restart of a container takes the id of the one before from the pod's status.
 */
import type { PodCgroup, PodIdentity } from "@koredump/core"
import type { ContainerFacts, PodFacts } from "./podFacts.ts"

interface Remembered extends Omit<PodFacts, "containers"> {
  readonly containers: Map<string, ContainerFacts>
}

/** Incarnations of containers that are kept for one pod; a pod that crashes all the time has a new one every 5 minutes. */
const maxContainers = 1000

export interface PodMemoryOptions {
  /** How long a pod is remembered after it was deleted. */
  readonly keepMillis: number
  /** How many deleted pods are remembered; the oldest go first. */
  readonly maxDeleted: number
}

/** See the module's text. */
export class PodMemory {
  readonly #options: PodMemoryOptions
  readonly #pods = new Map<string, Remembered>()
  readonly #byCgroup = new Map<string, Array<Remembered>>()
  /** When pods were deleted, in that order, by UID. */
  readonly #deleted = new Map<string, number>()

  constructor(options: PodMemoryOptions) {
    this.#options = options
  }

  /** How many pods are known, deleted ones included. */
  get size(): number {
    return this.#pods.size
  }

  /** Takes in what is known of a pod; whether that is more than before. */
  learn(facts: PodFacts): boolean {
    this.#deleted.delete(facts.uid)
    const known = this.#pods.get(facts.uid)
    const containers = known?.containers ?? new Map<string, ContainerFacts>()
    let more = JSON.stringify(known?.identity) !== JSON.stringify(facts.identity)
    for (const [id, now] of facts.containers) {
      const before = containers.get(id)
      // What was seen while the container ran stays true of it.
      const joined = { ...now, ...before }
      if (before !== undefined && Object.keys(joined).length === Object.keys(before).length) continue
      containers.set(id, joined)
      more = true
    }
    for (const id of containers.keys()) {
      if (containers.size <= maxContainers) break
      containers.delete(id)
    }
    if (known !== undefined) this.#unlink(known)
    const remembered = { ...facts, containers }
    this.#pods.set(facts.uid, remembered)
    this.#byCgroup.set(facts.cgroupUid, [...this.#byCgroup.get(facts.cgroupUid) ?? [], remembered])
    return more
  }

  /** The pod was deleted. */
  buried(uid: string, now: number): void {
    if (!this.#pods.has(uid) || this.#deleted.has(uid)) return
    this.#deleted.set(uid, now)
    this.forget(now)
  }

  /** All pods but these were deleted. */
  buriedExcept(uids: ReadonlySet<string>, now: number): void {
    for (const uid of this.#pods.keys()) {
      if (!uids.has(uid)) this.buried(uid, now)
    }
  }

  /** Forgets the pods that were deleted too long ago. */
  forget(now: number): void {
    for (const [uid, at] of this.#deleted) {
      if (now - at < this.#options.keepMillis && this.#deleted.size <= this.#options.maxDeleted) break
      this.#deleted.delete(uid)
      const pod = this.#pods.get(uid)
      this.#pods.delete(uid)
      if (pod !== undefined) this.#unlink(pod)
    }
  }

  /** What is known of the pod and container of a cgroup. */
  resolve({ containerId, podUid }: PodCgroup): PodIdentity {
    const pods = this.#byCgroup.get(podUid) ?? []
    if (containerId !== undefined) {
      const [first, ...more] = pods.filter(({ containers }) => containers.has(containerId)).toReversed()
      if (first !== undefined) {
        // A static pod's mirror that was made anew is another pod to the API; under another name it is a lie.
        const { namespace, pod } = first.identity
        if (more.some(({ identity }) => identity.namespace !== namespace || identity.pod !== pod)) return {}
        return { ...first.identity, container_id: containerId, ...first.containers.get(containerId) }
      }
    }
    return pods.find(({ mirror }) => !mirror)?.identity ?? {}
  }

  #unlink(pod: Remembered): void {
    const others = (this.#byCgroup.get(pod.cgroupUid) ?? []).filter((other) => other !== pod)
    if (others.length === 0) this.#byCgroup.delete(pod.cgroupUid)
    else this.#byCgroup.set(pod.cgroupUid, others)
  }
}
