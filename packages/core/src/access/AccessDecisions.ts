import { Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { NotReady } from "../model/Problem.ts"
import { type AccessTarget, allCoredumps, nodeCoredumps, requiredPermission } from "./requiredPermission.ts"

/** Largest number of requests to the authorizer at a time. */
const concurrency = 32

/** With more decisions than this, denials are dropped, and requested again if needed. */
const maxDecisions = 10_000

const toKey = ({ namespace, resource }: AccessTarget) => namespace === undefined ? resource : `${resource}/${namespace}`
const everywhere = toKey(allCoredumps)
const onNodes = toKey(nodeCoredumps)

/** Names for targets that are not namespaces. No namespace can have these names. */
const nameOfAll = "*"
const nameOfNodes = "@"

const toTargetName = ({ namespace, resource }: AccessTarget) =>
  namespace ?? (resource === "nodecoredumps" ? nameOfNodes : nameOfAll)

const toKeyOfName = (name: string) =>
  toKey(
    name === nameOfAll
      ? allCoredumps
      : name === nameOfNodes
      ? nodeCoredumps
      : { resource: "coredumps", namespace: name }
  )

/** A decision on one target. */
export interface AccessDecision {
  readonly target: AccessTarget
  readonly isAllowed: boolean
}

/**
 * The access decisions for one caller and one permission. Requests as few decisions as possible, and each only once:
 * first for all cores, then, without permission for all namespaces, for each namespace. Targets without a decision are denied.
 */
export class AccessDecisions {
  readonly #isAllowed: (target: AccessTarget) => Effect.Effect<boolean, NotReady>
  readonly #decisions = new Map<string, AccessDecision>()
  /** What `names` returns until decisions change: every event of a watch contains it. */
  #names: ReadonlyArray<string> | undefined

  constructor(isAllowed: (target: AccessTarget) => Effect.Effect<boolean, NotReady>) {
    this.#isAllowed = isAllowed
  }

  /** Whether the cores of pods in all namespaces are allowed, including cores whose owner is unknown. */
  get everywhere(): boolean {
    return this.#allowsKey(everywhere)
  }

  /** Whether the cores that belong to no pod are allowed. */
  get onNodes(): boolean {
    return this.#allowsKey(onNodes)
  }

  /** Whether at least one of the targets decided so far is allowed. */
  get any(): boolean {
    return this.names.length > 0
  }

  /** Sorted names of the allowed targets: namespaces, `*` for all namespaces, `@` for cores that belong to no pod. */
  get names(): ReadonlyArray<string> {
    this.#names ??= [...this.#decisions.values()]
      .filter(({ isAllowed }) => isAllowed)
      .map(({ target }) => toTargetName(target))
      .toSorted()
    return this.#names
  }

  /** The name of the target that allows the core, as in `names`. */
  toName(core: CoreSummary): string {
    const target = requiredPermission(core)
    return target.resource === "coredumps" && this.everywhere ? nameOfAll : toTargetName(target)
  }

  /** Whether the target with this name is denied. A target without a decision is not. */
  deniesName(name: string): boolean {
    return this.#decisions.get(toKeyOfName(name))?.isAllowed === false
  }

  /** Whether the core is allowed. */
  readonly allows = (core: CoreSummary): boolean => {
    const target = requiredPermission(core)
    return this.#allowsKey(toKey(target)) || (target.resource === "coredumps" && this.everywhere)
  }

  /** Whether the cores of this namespace are allowed. */
  readonly allowsNamespace = (namespace: string): boolean =>
    this.everywhere || this.#allowsKey(toKey({ resource: "coredumps", namespace }))

  /** Decides on all namespaces and on the cores that belong to no pod. */
  readonly decide: Effect.Effect<void, NotReady> = Effect.suspend(() => this.#request([allCoredumps, nodeCoredumps]))

  /** Decides on namespaces, unless all are allowed. */
  decideNamespaces(namespaces: Iterable<string>): Effect.Effect<void, NotReady> {
    return Effect.andThen(
      this.decide,
      Effect.suspend(() =>
        this.everywhere
          ? Effect.void
          : this.#request(
            Array.from(new Set(namespaces), (namespace): AccessTarget => ({ resource: "coredumps", namespace }))
          )
      )
    )
  }

  /** Decides on all of these cores. */
  decideCores(cores: Iterable<CoreSummary>): Effect.Effect<void, NotReady> {
    return Effect.suspend(() => {
      const namespaces = new Set<string>()
      for (const core of cores) {
        const { namespace } = requiredPermission(core)
        if (namespace !== undefined) namespaces.add(namespace)
      }
      return this.decideNamespaces(namespaces)
    })
  }

  /**
   * Requests decisions again, and returns those that have changed. Does not apply them. With `allowed`, denials of
   * namespaces are not checked.
   */
  recheck(which: "allowed" | "all"): Effect.Effect<ReadonlyArray<AccessDecision>, NotReady> {
    return Effect.suspend(() => {
      const rechecked = [...this.#decisions.values()].filter(({ isAllowed, target }) =>
        isAllowed || which === "all" || target.namespace === undefined
      )
      return Effect.map(
        Effect.forEach(rechecked, ({ target }) => this.#isAllowed(target), { concurrency }),
        (answers) =>
          rechecked.flatMap(({ isAllowed, target }, i) =>
            answers[i] === isAllowed ? [] : [{ target, isAllowed: !isAllowed }]
          )
      )
    })
  }

  /** Replaces decisions. */
  apply(decisions: ReadonlyArray<AccessDecision>): void {
    for (const decision of decisions) this.#set(decision)
  }

  #allowsKey(key: string): boolean {
    return this.#decisions.get(key)?.isAllowed === true
  }

  #request(targets: ReadonlyArray<AccessTarget>): Effect.Effect<void, NotReady> {
    const undecided = targets.filter((target) => !this.#decisions.has(toKey(target)))
    return Effect.forEach(undecided, (target) =>
      Effect.map(this.#isAllowed(target), (isAllowed) => {
        if (this.#decisions.size >= maxDecisions) this.#dropDenials()
        this.#set({ target, isAllowed })
      }), { concurrency, discard: true })
  }

  #set(decision: AccessDecision): void {
    this.#decisions.set(toKey(decision.target), decision)
    this.#names = undefined
  }

  #dropDenials(): void {
    for (const [key, { isAllowed, target }] of this.#decisions) {
      if (!isAllowed && target.namespace !== undefined) this.#decisions.delete(key)
    }
  }
}
