/**
 * `authorizeCoreSource`: a `CoreSource` in, one out that shows only what a principal may see. Whatever goes through it
 * is decided by the one rule of `accessOf`, so list, watch, metadata, download and deletion cannot differ.
 */
import { type Duration, Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreRef } from "../model/CoreId.ts"
import { CoreNotFound, Forbidden, type NotReady, type Problem } from "../model/Problem.ts"
import { encodeContinue, toPosition } from "../source/CorePosition.ts"
import type { CoreQuery } from "../source/CoreQuery.ts"
import { type CoreList, CoreSource } from "../source/CoreSource.ts"
import { AccessDecisions } from "./AccessDecisions.ts"
import type { Principal } from "./Authenticator.ts"
import { authorizeChanges } from "./authorizeChanges.ts"
import type { AccessRequest, Authorizer } from "./Authorizer.ts"
import { type CoreAccess, everyCoredump, nodeCoredumps, requiredPermission } from "./requiredPermission.ts"
import { scopedVersion } from "./scopedVersion.ts"

/** For whom, and by whose word. */
export interface AuthorizeOptions {
  readonly principal: Principal
  readonly authorizer: Authorizer["Service"]
  /**
   * How often a running watch asks again whether what it shows may still be shown; two seconds unless said. A right that
   * is withdrawn works for so much longer than the authorizer remembers its answers.
   */
  readonly recheck?: Duration.Input
}

type Right = Pick<AccessRequest, "verb" | "subresource">

const getting: Right = { verb: "get" }
const reading: Right = { verb: "get", subresource: "content" }
const deleting: Right = { verb: "delete" }

const describe = ({ namespace, resource, subresource, verb }: AccessRequest) =>
  `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}` +
  (resource === "nodecoredumps" ? "" : namespace === undefined ? " in all namespaces" : ` in namespace "${namespace}"`)

/** The first page of what is visible of a whole list. */
const pageOf = (whole: CoreList, query: CoreQuery, isVisible: (core: CoreSummary) => boolean): CoreList => {
  const cores = whole.cores.filter(isVisible)
  const page = cores.slice(0, query.limit)
  const last = page.at(-1)
  return {
    cores: page,
    resourceVersion: whole.resourceVersion,
    unreachable: whole.unreachable,
    ...(last === undefined || page.length === cores.length
      ? {}
      : { continue: encodeContinue(query, toPosition(last, query.sort)) })
  }
}

const partOf = (list: CoreList, rights: AccessDecisions): CoreList => ({
  ...list,
  resourceVersion: scopedVersion(list.resourceVersion, "list", rights)
})

/**
 * The source as the principal may see it.
 *
 * **Details**
 *
 * - A list has the cores that he may list. Without any right it is empty and names no nodes; with a namespace named that
 *   he has no right to, it fails with `Forbidden`.
 * - A core that he may neither get nor list does not exist for him; one that he sees, and may not read or delete, is
 *   `Forbidden`. `COREDUMP_ENVIRON` is shown to those who may read the core itself.
 * - Where the authorizer cannot be asked, everything fails with `NotReady`.
 */
export const authorizeCoreSource = (
  source: CoreSource["Service"],
  { authorizer, principal, recheck = "2 seconds" }: AuthorizeOptions
): CoreSource["Service"] => {
  const isAllowed = (right: Right) => (access: CoreAccess) => authorizer.isAllowed(principal, { ...right, ...access })
  const rightsTo = (right: Right) => new AccessDecisions(isAllowed(right))
  const forbid = (right: Right, access: CoreAccess) =>
    new Forbidden({ detail: `User "${principal.username}" may not ${describe({ ...right, ...access })}.` })

  const may = Effect.fnUntraced(function*(right: Right, core: CoreSummary): Effect.fn.Return<boolean, NotReady> {
    const access = requiredPermission(core)
    if (access.namespace !== undefined && (yield* isAllowed(right)(everyCoredump))) return true
    return yield* isAllowed(right)(access)
  })

  /** Those of the namespaces that are allowed; fails where none is. */
  const permitNamespaces = Effect.fnUntraced(
    function*(rights: AccessDecisions, right: Right, namespaces: ReadonlyArray<string>) {
      yield* rights.decideNamespaces(namespaces)
      const allowed = namespaces.filter(rights.allowsNamespace)
      if (allowed.length === 0) return yield* forbid(right, { resource: "coredumps", namespace: namespaces[0]! })
      return allowed
    }
  )

  const list = Effect.fn("AuthorizedCoreSource.list")(function*(
    asked: CoreQuery
  ): Effect.fn.Return<CoreList, Problem> {
    // Heavy fields are of `get`, which knows the environment from the rest.
    const { fields: _, ...query } = asked
    const right: Right = { verb: "list" }
    const rights = rightsTo(right)
    yield* rights.decide
    if (rights.everywhere && (rights.onNodes || query.namespace !== undefined)) return yield* source.list(query)
    if (query.namespace !== undefined) {
      const namespace = yield* permitNamespaces(rights, right, query.namespace)
      return partOf(yield* source.list({ ...query, namespace }), rights)
    }
    const known = yield* source.list({ state: "any" })
    yield* rights.decideCores(known.cores)
    if (!rights.any) return partOf({ cores: [], resourceVersion: known.resourceVersion, unreachable: [] }, rights)
    const { limit: _limit, ...unlimited } = query
    const whole = yield* source.list(unlimited)
    // There may be more namespaces by now, and a watch from here would not tell of their cores again.
    yield* rights.decideCores(whole.cores)
    return partOf(pageOf(whole, query, rights.allows), rights)
  })

  const find = ({ id, node }: CoreRef) =>
    Effect.map(
      source.list({ id: [id], node: [node], state: "any" }),
      ({ cores }) => cores.find((core) => core.id === id && core.node === node)
    )

  /** Fails unless the principal sees the core and has this right to it. */
  const permit = Effect.fnUntraced(function*(
    right: Right,
    core: CoreSummary | undefined,
    { id, node }: CoreRef
  ): Effect.fn.Return<void, Problem> {
    if (core === undefined) return yield* new CoreNotFound({ id, node })
    const gets = yield* may(getting, core)
    if (!gets && !(yield* may({ verb: "list" }, core))) return yield* new CoreNotFound({ id, node })
    const allowed = right === getting ? gets : yield* may(right, core)
    if (!allowed) return yield* forbid(right, requiredPermission(core))
  })

  const permitted = (right: Right, ref: CoreRef) => Effect.flatMap(find(ref), (core) => permit(right, core, ref))

  return CoreSource.of({
    list,
    get: Effect.fn("AuthorizedCoreSource.get")(function*(ref) {
      yield* permitted(getting, ref)
      const core = yield* source.get(ref)
      // More may be known now than the list had: what is shown decides.
      yield* permit(getting, core, ref)
      if (core.COREDUMP_ENVIRON === undefined || (yield* may(reading, core))) return core
      const { COREDUMP_ENVIRON: _, ...rest } = core
      return rest
    }),
    open: Effect.fn("AuthorizedCoreSource.open")(function*(ref) {
      yield* permitted(reading, ref)
      return yield* source.open(ref)
    }),
    remove: Effect.fn("AuthorizedCoreSource.remove")(function*(ref) {
      yield* permitted(deleting, ref)
      yield* source.remove(ref)
    }),
    changes: authorizeChanges(source, {
      recheck,
      rights: (verb) => rightsTo({ verb }),
      permitNamespaces: (rights, namespaces) => permitNamespaces(rights, { verb: "watch" }, namespaces)
    }),
    nodes: Effect.gen(function*() {
      const right: Right = { verb: "list" }
      if (!(yield* isAllowed(right)(nodeCoredumps))) return yield* forbid(right, nodeCoredumps)
      return yield* source.nodes
    })
  })
}
