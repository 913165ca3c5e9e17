import { Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreRef } from "../model/CoreId.ts"
import { CoreNotFound, Forbidden, type NotReady, type Problem } from "../model/Problem.ts"
import { AccessDecisions } from "./AccessDecisions.ts"
import type { Principal } from "./Authenticator.ts"
import type { AccessRequest, Authorizer } from "./Authorizer.ts"
import { type AccessTarget, allCoredumps, requiredPermission } from "./requiredPermission.ts"

/** The verb of a permission, on cores or on their content. */
export type Permission = Pick<AccessRequest, "verb" | "subresource">

/** The permissions that the operations of a `CoreSource` require. */
export const permissions = {
  list: { verb: "list" },
  watch: { verb: "watch" },
  get: { verb: "get" },
  getContent: { verb: "get", subresource: "content" },
  delete: { verb: "delete" }
} as const satisfies Record<string, Permission>

const parallel = { concurrency: "unbounded", discard: true } as const

const describeRequest = ({ namespace, resource, subresource, verb }: AccessRequest) => {
  const place = resource === "nodecoredumps"
    ? ""
    : namespace === undefined
    ? " in all namespaces"
    : ` in namespace "${namespace}"`
  return `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${place}`
}

/** The access checks for one caller. */
export class CallerAccess {
  readonly #principal: Principal
  readonly #authorizer: Authorizer["Service"]

  constructor(principal: Principal, authorizer: Authorizer["Service"]) {
    this.#principal = principal
    this.#authorizer = authorizer
  }

  /** Whether the caller has the permission for the target. */
  isAllowed(permission: Permission, target: AccessTarget): Effect.Effect<boolean, NotReady> {
    return this.#authorizer.isAllowed(this.#principal, { ...permission, ...target })
  }

  /** Whether the caller has the permission for the core. */
  isAllowedOn(permission: Permission, core: CoreSummary): Effect.Effect<boolean, NotReady> {
    const target = requiredPermission(core)
    if (target.namespace === undefined) return this.isAllowed(permission, target)
    return Effect.flatMap(
      this.isAllowed(permission, allCoredumps),
      (isAllowed) => isAllowed ? Effect.succeed(true) : this.isAllowed(permission, target)
    )
  }

  /** Makes the decisions on many cores: each target is decided only once. */
  makeDecisions(permission: Permission): AccessDecisions {
    return new AccessDecisions((target) => this.isAllowed(permission, target))
  }

  /** Makes the problem of a missing permission. */
  forbidden(permission: Permission, target: AccessTarget): Forbidden {
    const request = describeRequest({ ...permission, ...target })
    return new Forbidden({ detail: `User "${this.#principal.username}" has no permission to ${request}.` })
  }

  /** Returns the allowed namespaces. Fails if there are none. */
  requireNamespaces(
    permission: Permission,
    decisions: AccessDecisions,
    namespaces: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyArray<string>, Forbidden | NotReady> {
    return Effect.flatMap(decisions.decideNamespaces(namespaces), () => {
      const allowed = namespaces.filter(decisions.allowsNamespace)
      return allowed.length > 0
        ? Effect.succeed(allowed)
        : Effect.fail(this.forbidden(permission, { resource: "coredumps", namespace: namespaces[0]! }))
    })
  }

  /**
   * Fails unless the caller sees the core and has the permission for it. A core is visible with permission to get or list
   * it. A hidden core is `CoreNotFound`, like one that does not exist, and takes as long. `neighbors` are all cores of the
   * node.
   */
  requireCore(
    permission: Permission,
    core: CoreSummary | undefined,
    { id, node }: CoreRef,
    neighbors: Effect.Effect<ReadonlyArray<CoreSummary>, Problem>
  ): Effect.Effect<void, Problem> {
    return Effect.gen({ self: this }, function*() {
      const visibility = yield* this.#findVisibility(core, neighbors)
      if (core === undefined || visibility === "hidden") return yield* new CoreNotFound({ id, node })
      const isAllowed = permission === permissions.get
        ? visibility === "get"
        : yield* this.isAllowedOn(permission, core)
      if (!isAllowed) return yield* this.forbidden(permission, requiredPermission(core))
    })
  }

  /**
   * How the caller sees the core. The time of the answer must not reveal whether a hidden core exists. So, at the same
   * time as on the core, this decides on every namespace with cores on the node, whether or not the core exists, and waits
   * for all of these decisions unless the caller can get the core.
   */
  #findVisibility(
    core: CoreSummary | undefined,
    neighbors: Effect.Effect<ReadonlyArray<CoreSummary>, Problem>
  ): Effect.Effect<"get" | "list" | "hidden", Problem> {
    return Effect.gen({ self: this }, function*() {
      const get = this.makeDecisions(permissions.get)
      const list = this.makeDecisions(permissions.list)
      yield* Effect.all([get.decide, list.decide], parallel)
      const own = core === undefined ? [] : [core]
      if (!own.some(get.allows) && !(get.everywhere && list.everywhere)) {
        const decideOwn = yield* Effect.cached(get.decideCores(own))
        const isVisible = Effect.andThen(
          decideOwn,
          Effect.suspend(() => own.some(get.allows) ? Effect.void : Effect.never)
        )
        const decideAll = Effect.flatMap(neighbors, (cores) => {
          const others = cores.filter(({ namespace }) => namespace !== core?.namespace)
          return Effect.all([decideOwn, get.decideCores(others), list.decideCores([...own, ...cores])], parallel)
        })
        yield* Effect.raceFirst(isVisible, decideAll)
      }
      return own.some(get.allows) ? "get" : own.some(list.allows) ? "list" : "hidden"
    })
  }
}
