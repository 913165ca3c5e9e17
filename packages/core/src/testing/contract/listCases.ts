import { Effect } from "effect"
import type { CoreSummary } from "../../model/Core.ts"
import type { CoreRef } from "../../model/CoreId.ts"
import type { CoreQuery } from "../../source/CoreQuery.ts"
import { CoreSource } from "../../source/CoreSource.ts"
import {
  check,
  checkEqual,
  type ContractCase,
  contractCase,
  encodeText,
  failureTag,
  listIds,
  noon,
  putAll,
  second
} from "./contractCase.ts"

/** Cases for `list` and `nodes`. */
export const listCases: ReadonlyArray<ContractCase> = [
  contractCase("lists no cores at first, with a resource version to watch from", function*() {
    const source = yield* CoreSource
    const list = yield* source.list({})
    yield* checkEqual(list.cores.length, 0, "cores")
    yield* check(list.resourceVersion !== "", "a list has a version")
  }),

  contractCase("lists the oldest core first, and cores of the same time by ID", function*() {
    const refs: ReadonlyArray<CoreRef> = yield* putAll([
      { comm: "c", pid: 3, time: noon + second, content: encodeText("3") },
      { comm: "b", pid: 2, time: noon, content: encodeText("2") },
      { comm: "a", pid: 1, time: noon, content: encodeText("1") }
    ])
    const [c, b, a] = refs.map(({ id }) => id as string)
    yield* checkEqual(yield* listIds({}), [a, b, c], "order")
    yield* checkEqual(yield* listIds({ order: "desc" }), [c, b, a], "descending order")
  }),

  contractCase("filters by every field that the name of a core file contains", function*() {
    const [first, other]: ReadonlyArray<CoreRef> = yield* putAll([
      { comm: "first", uid: 1000, pid: 11, signal: 11, time: noon, content: encodeText("1") },
      { comm: "other", uid: 0, pid: 12, signal: 6, time: noon + 60 * second, content: encodeText("22") }
    ])
    const queries: ReadonlyArray<readonly [CoreQuery, CoreRef | undefined]> = [
      [{ comm: ["first"] }, first],
      [{ comm: ["fir"] }, undefined],
      [{ uid: [0] }, other],
      [{ signal: [6] }, other],
      [{ signal: [4] }, undefined],
      [{ since: noon + second }, other],
      [{ until: noon + second }, first],
      [{ node: ["no-such-node"] }, undefined],
      [{ namespace: ["no-such-namespace"] }, undefined],
      [{ q: "FIRST" }, first],
      [{ comm: ["first", "other"], uid: [0] }, other]
    ]
    for (const [query, expected] of queries) {
      yield* checkEqual(yield* listIds(query), expected === undefined ? [] : [expected.id], JSON.stringify(query))
    }
  }),

  contractCase("omits missing cores unless the state is requested", function*() {
    const [stored, missing]: ReadonlyArray<CoreRef> = yield* putAll([
      { comm: "stored", pid: 1, content: encodeText("1") },
      { comm: "missing", pid: 2 }
    ])
    yield* checkEqual(yield* listIds({}), [stored!.id], "without state")
    yield* checkEqual(yield* listIds({ state: ["missing"] }), [missing!.id], "state=missing")
    yield* checkEqual((yield* listIds({ state: "any" })).length, 2, "state=any")
    const source = yield* CoreSource
    yield* checkEqual(
      yield* failureTag(Effect.scoped(source.open(missing!))),
      "CoreNotStored",
      "open of a missing core"
    )
  }),

  contractCase("returns pages that together are the whole list, in every order", function*() {
    yield* putAll(
      [5, 3, 3, 9, 1].map((size, i) => ({ pid: i + 1, time: noon + (i % 3) * second, content: new Uint8Array(size) }))
    )
    const source = yield* CoreSource
    for (const sort of ["timestamp", "size"] as const) {
      for (const order of ["asc", "desc"] as const) {
        const whole = yield* listIds({ sort, order })
        const pages: Array<string> = []
        let next: string | undefined
        do {
          const page: { readonly cores: ReadonlyArray<CoreSummary>; readonly continue?: string } = yield* source.list({
            sort,
            order,
            limit: 2,
            ...(next === undefined ? {} : { continue: next })
          })
          pages.push(...page.cores.map(({ id }) => id))
          next = page.continue
        } while (next !== undefined)
        yield* checkEqual(pages, whole, `pages by ${sort} ${order}`)
      }
    }
  }),

  contractCase("lists its nodes", function*() {
    const source = yield* CoreSource
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: encodeText("12345") }])
    const nodes = yield* source.nodes
    const node = nodes.find(({ name }: { readonly name: string }) => name === ref!.node)
    yield* checkEqual([node?.state, node?.cores, node?.bytes], ["ready", 1, 5], "the core's node")
  })
]
