import { Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { Problem } from "../model/Problem.ts"
import { encodeContinue, toPosition } from "../source/CorePosition.ts"
import type { CoreQuery } from "../source/CoreQuery.ts"
import type { CoreList, CoreSource } from "../source/CoreSource.ts"
import type { AccessDecisions } from "./AccessDecisions.ts"
import { type CallerAccess, permissions } from "./CallerAccess.ts"
import { formatScopedVersion } from "./scopedVersion.ts"

/** The first page of the visible cores of a list without limit. */
const toVisiblePage = (list: CoreList, query: CoreQuery, isVisible: (core: CoreSummary) => boolean): CoreList => {
  const visible = list.cores.filter(isVisible)
  const cores = visible.slice(0, query.limit)
  const last = cores.at(-1)
  return {
    cores,
    resourceVersion: list.resourceVersion,
    unreachable: list.unreachable,
    ...(last === undefined || cores.length === visible.length
      ? {}
      : { continue: encodeContinue(query, toPosition(last, query.sort)) })
  }
}

const withScope = (list: CoreList, decisions: AccessDecisions): CoreList => ({
  ...list,
  resourceVersion: formatScopedVersion(list.resourceVersion, "list", decisions)
})

/**
 * Lists the cores that a caller can list. Without any permission, the list is empty and names no nodes. If the query has
 * namespaces and none of them is allowed, it fails with `Forbidden`.
 */
export const authorizeList = (
  source: CoreSource["Service"],
  access: CallerAccess
): (query: CoreQuery) => Effect.Effect<CoreList, Problem> =>
  Effect.fn("AuthorizedCoreSource.list")(function*(requested: CoreQuery) {
    // A list has no heavy fields: the server adds them with `get`, which checks their permissions.
    const { fields: _, ...query } = requested
    const decisions = access.makeDecisions(permissions.list)
    yield* decisions.decide
    if (decisions.everywhere && (decisions.onNodes || query.namespace !== undefined)) return yield* source.list(query)
    if (query.namespace !== undefined) {
      const namespace = yield* access.requireNamespaces(permissions.list, decisions, query.namespace)
      return withScope(yield* source.list({ ...query, namespace }), decisions)
    }
    const all = yield* source.list({ state: "any" })
    yield* decisions.decideCores(all.cores)
    if (!decisions.any) {
      return withScope({ cores: [], resourceVersion: all.resourceVersion, unreachable: [] }, decisions)
    }
    const { limit: _limit, ...unlimited } = query
    const matching = yield* source.list(unlimited)
    // Decide on namespaces that are new since the first list: a watch from this version would not send their cores.
    yield* decisions.decideCores(matching.cores)
    return withScope(toVisiblePage(matching, query, decisions.allows), decisions)
  })
