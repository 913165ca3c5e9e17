import { CoreId, CoreNotFound, type CoreRef, RouteNotFound } from "@koredump/core"
import { Effect, Schema } from "effect"
import { CurrentAppOptions } from "../AppOptions.ts"

const isCoreId = Schema.is(CoreId)

/** The core that a path names; without a node in it, the one node of this server is meant. */
export const coreRef = Effect.fnUntraced(function*(
  params: { readonly node?: string; readonly id: string }
): Effect.fn.Return<CoreRef, CoreNotFound | RouteNotFound, CurrentAppOptions> {
  const node = params.node ?? (yield* CurrentAppOptions).node
  if (node === undefined) return yield* new RouteNotFound({ detail: "This server serves many nodes: name one." })
  if (!isCoreId(params.id)) {
    return yield* new CoreNotFound({ node, id: params.id, detail: "This is not the name of a core." })
  }
  return { node, id: params.id }
})
