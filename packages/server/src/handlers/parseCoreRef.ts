import { CoreId, CoreNotFound, type CoreRef, RouteNotFound } from "@koredump/core"
import { Effect, Schema } from "effect"
import { CurrentAppOptions } from "./AppOptions.ts"

const isCoreId = Schema.is(CoreId)

/** Parses the core of a path. Default for `node`: the node of a server of one node. */
export const parseCoreRef = Effect.fnUntraced(function*(
  params: { readonly node?: string; readonly id: string }
): Effect.fn.Return<CoreRef, CoreNotFound | RouteNotFound, CurrentAppOptions> {
  const node = params.node ?? (yield* CurrentAppOptions).node
  if (node === undefined) {
    return yield* new RouteNotFound({ detail: "This server serves several nodes. Use the path with the node's name." })
  }
  if (!isCoreId(params.id)) {
    return yield* new CoreNotFound({ node, id: params.id, detail: "The ID is not a valid core ID." })
  }
  return { node, id: params.id }
})
