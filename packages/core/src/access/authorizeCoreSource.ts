import { type Duration, Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreRef } from "../model/CoreId.ts"
import { CoreSource } from "../source/CoreSource.ts"
import type { Principal } from "./Authenticator.ts"
import { authorizeChanges } from "./authorizeChanges.ts"
import { authorizeList } from "./authorizeList.ts"
import type { Authorizer } from "./Authorizer.ts"
import { CallerAccess, type Permission, permissions } from "./CallerAccess.ts"
import { nodeCoredumps } from "./requiredPermission.ts"

/** The caller, and the authorizer that decides on its permissions. */
export interface AuthorizeOptions {
  readonly principal: Principal
  readonly authorizer: Authorizer["Service"]
  /**
   * How often a running watch checks its permissions again. A withdrawn permission remains effective for this time in
   * addition to the cache time of the authorizer. Default: 2 seconds.
   */
  readonly recheck?: Duration.Input
}

/**
 * The source, limited to the permissions of a caller. The rule of `requiredPermission` decides on every operation, so list, watch,
 * metadata, download and deletion cannot differ.
 *
 * **Details**
 *
 * - A list contains the cores that the caller can list, see `authorizeList`.
 * - A core that the caller can neither get nor list does not exist for the caller (`CoreNotFound`). A visible core that
 *   the caller cannot download or delete is `Forbidden`.
 * - `COREDUMP_ENVIRON` requires permission to download the core.
 * - If access decisions cannot be made, every operation fails with `NotReady`.
 */
export const authorizeCoreSource = (
  source: CoreSource["Service"],
  { authorizer, principal, recheck = "2 seconds" }: AuthorizeOptions
): CoreSource["Service"] => {
  const access = new CallerAccess(principal, authorizer)

  const requireCore = (permission: Permission, core: CoreSummary | undefined, ref: CoreRef) =>
    access.requireCore(
      permission,
      core,
      ref,
      Effect.map(source.list({ node: [ref.node], state: "any" }), ({ cores }) => cores)
    )

  /** Checks a permission for a core by its summary. */
  const requirePermission = (permission: Permission, ref: CoreRef) =>
    Effect.flatMap(
      source.list({ id: [ref.id], node: [ref.node], state: "any" }),
      ({ cores }) => requireCore(permission, cores.find(({ id, node }) => id === ref.id && node === ref.node), ref)
    )

  return CoreSource.of({
    list: authorizeList(source, access),
    get: Effect.fn("AuthorizedCoreSource.get")(function*(ref) {
      yield* requirePermission(permissions.get, ref)
      const core = yield* source.get(ref)
      // The pod identity may be newer than that of the list, and decides on what is returned.
      yield* requireCore(permissions.get, core, ref)
      if (core.COREDUMP_ENVIRON === undefined) return core
      if (yield* access.isAllowedOn(permissions.getContent, core)) return core
      const { COREDUMP_ENVIRON: _, ...redacted } = core
      return redacted
    }),
    open: Effect.fn("AuthorizedCoreSource.open")(function*(ref) {
      yield* requirePermission(permissions.getContent, ref)
      return yield* source.open(ref)
    }),
    remove: Effect.fn("AuthorizedCoreSource.remove")(function*(ref) {
      yield* requirePermission(permissions.delete, ref)
      yield* source.remove(ref)
    }),
    changes: authorizeChanges(source, access, recheck),
    nodes: Effect.gen(function*() {
      if (yield* access.isAllowed(permissions.list, nodeCoredumps)) return yield* source.nodes
      return yield* access.forbidden(permissions.list, nodeCoredumps)
    })
  })
}
