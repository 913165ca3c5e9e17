/** On which cores somebody holds one right: as few questions to the `Authorizer` as will do, each asked once. */
import { Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { NotReady } from "../model/Problem.ts"
import { type CoreAccess, everyCoredump, nodeCoredumps, requiredPermission } from "./requiredPermission.ts"

/** Most questions that are asked at once. */
const concurrency = 32

/** Beyond so many decisions the negative ones are forgotten: it comes to the same, but for who asks again. */
const maxDecisions = 10_000

const keyOf = ({ namespace, resource }: CoreAccess) => namespace === undefined ? resource : `${resource}/${namespace}`
const nameOfAccess = ({ namespace, resource }: CoreAccess) => namespace ?? (resource === "nodecoredumps" ? "@" : "*")
const everywhere = keyOf(everyCoredump)
const onNodes = keyOf(nodeCoredumps)

/** What is allowed, and what not. */
export type AccessChanges = ReadonlyArray<{ readonly access: CoreAccess; readonly allowed: boolean }>

/**
 * Decisions, kept. First whether the right is held on everything; only where it is not on the cores of all namespaces,
 * namespaces are asked about, all new ones at once. What is not decided is not allowed.
 */
export class AccessDecisions {
  readonly #isAllowed: (access: CoreAccess) => Effect.Effect<boolean, NotReady>
  readonly #decisions = new Map<string, AccessChanges[number]>()

  constructor(isAllowed: (access: CoreAccess) => Effect.Effect<boolean, NotReady>) {
    this.#isAllowed = isAllowed
  }

  /** On the cores of pods in all namespaces, and on those of which it is not known where they belong. */
  get everywhere(): boolean {
    return this.#holds(everywhere)
  }

  /** On the cores that belong to no pod. */
  get onNodes(): boolean {
    return this.#holds(onNodes)
  }

  /** On anything, as far as was asked. */
  get any(): boolean {
    return [...this.#decisions.values()].some(({ allowed }) => allowed)
  }

  /**
   * On what it is held, as far as was asked, in names that no others are: `*` for the cores of all pods, `@` for those of
   * nodes, else namespaces.
   */
  get names(): ReadonlyArray<string> {
    return [...this.#decisions.values()].filter(({ allowed }) => allowed).map(({ access }) => nameOfAccess(access))
      .toSorted()
  }

  /** The name by which the right is held on this core, if it is. */
  nameOf(core: CoreSummary): string {
    const access = requiredPermission(core)
    return access.resource === "coredumps" && this.everywhere ? nameOfAccess(everyCoredump) : nameOfAccess(access)
  }

  /** Whether it is held on what has this name. */
  holdsName(name: string): boolean {
    return [...this.#decisions.values()].some(({ access, allowed }) => allowed && nameOfAccess(access) === name)
  }

  /** Whether it is held on this core. */
  readonly allows = (core: CoreSummary): boolean => {
    const access = requiredPermission(core)
    return this.#holds(keyOf(access)) || (access.resource === "coredumps" && this.everywhere)
  }

  /** Whether it is held on this namespace. */
  readonly allowsNamespace = (namespace: string): boolean =>
    this.everywhere || this.#holds(keyOf({ resource: "coredumps", namespace }))

  /** Asks about everything; for the first time only. */
  readonly decide: Effect.Effect<void, NotReady> = Effect.suspend(() => this.#ask([everyCoredump, nodeCoredumps]))

  /** Decides about the namespaces, as far as that is to be asked. */
  decideNamespaces(namespaces: Iterable<string>): Effect.Effect<void, NotReady> {
    return Effect.andThen(
      this.decide,
      Effect.suspend(() =>
        this.everywhere
          ? Effect.void
          : this.#ask(
            Array.from(new Set(namespaces), (namespace): CoreAccess => ({ resource: "coredumps", namespace }))
          )
      )
    )
  }

  /** Decides about all of the cores. */
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

  /** Asks again about what is allowed, or about all that was decided, and answers what would be decided otherwise now. */
  review(which: "allowed" | "all"): Effect.Effect<AccessChanges, NotReady> {
    return Effect.suspend(() => {
      const asked = [...this.#decisions.values()].filter(({ access, allowed }) =>
        allowed || which === "all" || access.namespace === undefined
      )
      return Effect.map(
        Effect.forEach(asked, ({ access }) => this.#isAllowed(access), { concurrency }),
        (answers) =>
          asked.flatMap(({ access, allowed }, i) => answers[i] === allowed ? [] : [{ access, allowed: !allowed }])
      )
    })
  }

  /** Takes decisions over. */
  take(decisions: AccessChanges): void {
    for (const decision of decisions) this.#decisions.set(keyOf(decision.access), decision)
  }

  #holds(key: string): boolean {
    return this.#decisions.get(key)?.allowed === true
  }

  #ask(accesses: ReadonlyArray<CoreAccess>): Effect.Effect<void, NotReady> {
    const open = accesses.filter((access) => !this.#decisions.has(keyOf(access)))
    return Effect.forEach(open, (access) =>
      Effect.map(this.#isAllowed(access), (allowed) => {
        if (this.#decisions.size >= maxDecisions) this.#forgetDenied()
        this.#decisions.set(keyOf(access), { access, allowed })
      }), { concurrency, discard: true })
  }

  #forgetDenied(): void {
    for (const [key, { access, allowed }] of this.#decisions) {
      if (!allowed && access.namespace !== undefined) this.#decisions.delete(key)
    }
  }
}
