/**
 * What every `CoreSource` must do, as cases that any test runner can run:
 *
 * ```ts
 * for (const { name, run } of coreSourceContract) {
 *   it.live(name, () => run.pipe(Effect.provide(mySource)))
 * }
 * ```
 *
 * The layer gives the source under test and `FakeCores`, which makes crashes happen in it. Sources may show what
 * happened a little later: the cases wait on `changes`, so give them a time-out.
 */
import { Effect, Equal, Stream } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreEvent } from "../model/CoreEvent.ts"
import { CoreId, type CoreRef } from "../model/CoreId.ts"
import type { CoreQuery } from "../source/CoreQuery.ts"
import { CoreSource } from "../source/CoreSource.ts"
import { FakeCores } from "./FakeCoreSource.ts"

/** One case; it dies with a sentence where the source breaks the contract. */
export interface ContractCase {
  readonly name: string
  readonly run: Effect.Effect<void, unknown, CoreSource | FakeCores>
}

const check = (holds: boolean, message: string) =>
  holds ? Effect.void : Effect.die(new Error(`CoreSource contract: ${message}`))

const checkEqual = (actual: unknown, expected: unknown, what: string) =>
  check(Equal.equals(actual, expected), `${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (chunks: ReadonlyArray<Uint8Array>) =>
  new TextDecoder().decode(Uint8Array.from(chunks.flatMap((chunk) => [...chunk])))

const second = 1_000_000
const noon = 1_700_000_000 * second

/** Waits until the source shows as many cores as the case has put, whatever their state. */
const settled = (count: number, holds: (cores: ReadonlyArray<CoreSummary>) => boolean = () => true) =>
  Effect.gen(function*() {
    const source = yield* CoreSource
    const shown = Effect.map(source.list({ state: "any" }), ({ cores }) => cores.length === count && holds(cores))
    if (yield* shown) return
    yield* source.changes({ filter: { state: "any" } }).pipe(
      Stream.mapEffect(() => shown),
      Stream.takeUntil((done) => done),
      Stream.runDrain
    )
  })

const ids = (query: CoreQuery) =>
  Effect.map(CoreSource.use((source) => source.list(query)), ({ cores }) => cores.map(({ id }) => id as string))

const putAll = (cores: ReadonlyArray<Parameters<FakeCores["Service"]["put"]>[0]>) =>
  Effect.gen(function*() {
    const script = yield* FakeCores
    const refs: Array<CoreRef> = []
    for (const core of cores) refs.push(yield* script.put(core))
    yield* settled(
      cores.length,
      (shown) => cores.every((core, i) => core.content === undefined || isStored(shown, refs[i]!))
    )
    return refs
  })

const isStored = (shown: ReadonlyArray<CoreSummary>, ref: CoreRef) =>
  shown.some(({ id, state }) => id === ref.id && state !== "missing" && state !== "pending")

const tagOf = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  effect.pipe(Effect.flip, Effect.map((error) => error._tag), Effect.orElseSucceed(() => "no failure"))

const absent = (node: string): CoreRef => ({
  node,
  id: CoreId.make("core.nobody.0.ffffffffffffffffffffffffffffffff.1.1000000")
})

const contractCase = (name: string, body: () => Generator<Effect.Effect<any, any, any>, void, any>): ContractCase => ({
  name,
  run: Effect.gen(body) as ContractCase["run"]
})

/** See the module's text. */
export const coreSourceContract: ReadonlyArray<ContractCase> = [
  contractCase("lists nothing, with a version to watch from", function*() {
    const source = yield* CoreSource
    const list = yield* source.list({})
    yield* checkEqual(list.cores.length, 0, "cores")
    yield* check(list.resourceVersion !== "", "a list has a version")
  }),

  contractCase("lists oldest first, equal times by id", function*() {
    const refs: ReadonlyArray<CoreRef> = yield* putAll([
      { comm: "c", pid: 3, time: noon + second, content: bytesOf("3") },
      { comm: "b", pid: 2, time: noon, content: bytesOf("2") },
      { comm: "a", pid: 1, time: noon, content: bytesOf("1") }
    ])
    const [c, b, a] = refs.map(({ id }) => id as string)
    yield* checkEqual(yield* ids({}), [a, b, c], "order")
    yield* checkEqual(yield* ids({ order: "desc" }), [c, b, a], "descending order")
  }),

  contractCase("filters by every fact that a core's own file tells", function*() {
    const [first, other]: ReadonlyArray<CoreRef> = yield* putAll([
      { comm: "first", uid: 1000, pid: 11, signal: 11, time: noon, content: bytesOf("1") },
      { comm: "other", uid: 0, pid: 12, signal: 6, time: noon + 60 * second, content: bytesOf("22") }
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
      yield* checkEqual(yield* ids(query), expected === undefined ? [] : [expected.id], JSON.stringify(query))
    }
  }),

  contractCase("leaves missing cores out unless asked for", function*() {
    const [stored, missing]: ReadonlyArray<CoreRef> = yield* putAll([
      { comm: "stored", pid: 1, content: bytesOf("1") },
      { comm: "missing", pid: 2 }
    ])
    yield* checkEqual(yield* ids({}), [stored!.id], "without state")
    yield* checkEqual(yield* ids({ state: ["missing"] }), [missing!.id], "state=missing")
    yield* checkEqual((yield* ids({ state: "any" })).length, 2, "state=any")
    const source = yield* CoreSource
    yield* checkEqual(yield* tagOf(Effect.scoped(source.open(missing!))), "CoreNotStored", "open of a missing core")
  }),

  contractCase("gives pages that together are the whole list, in every order", function*() {
    yield* putAll(
      [5, 3, 3, 9, 1].map((size, i) => ({ pid: i + 1, time: noon + (i % 3) * second, content: new Uint8Array(size) }))
    )
    const source = yield* CoreSource
    for (const sort of ["timestamp", "size"] as const) {
      for (const order of ["asc", "desc"] as const) {
        const whole = yield* ids({ sort, order })
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

  contractCase("get tells at least what the list tells", function*() {
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: bytesOf("core") }])
    const source = yield* CoreSource
    const { cores } = yield* source.list({})
    const metadata = yield* source.get(ref!)
    for (const [key, value] of Object.entries(cores[0]!)) yield* checkEqual(metadata[key], value, key)
    yield* checkEqual(yield* tagOf(source.get(absent(ref!.node))), "CoreNotFound", "get of an unknown core")
    yield* checkEqual(yield* tagOf(source.get({ ...ref!, node: "elsewhere" })), "CoreNotFound", "get on another node")
  }),

  contractCase("opens the very bytes, whole and in part", function*() {
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: bytesOf("0123456789") }])
    const source = yield* CoreSource
    yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* source.open(ref!)
      yield* checkEqual(file.size, 10, "size")
      yield* check(/^"[^"]+"$/.test(file.etag), `a strong entity tag, not ${file.etag}`)
      yield* checkEqual(textOf(yield* Stream.runCollect(file.bytes())), "0123456789", "the whole")
      yield* checkEqual(textOf(yield* Stream.runCollect(file.bytes({ start: 2, end: 5 }))), "234", "a part")
      yield* checkEqual(textOf(yield* Stream.runCollect(file.bytes({ start: 0, end: 1 }))), "0", "the first byte")
      yield* checkEqual(textOf(yield* Stream.runCollect(file.decompressed)), "0123456789", "decompressed")
    }))
    yield* checkEqual(yield* tagOf(Effect.scoped(source.open(absent(ref!.node)))), "CoreNotFound", "open of none")
  }),

  contractCase("an empty file is a core of 0 bytes, and no core when decompressed", function*() {
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ compression: "zstd", content: new Uint8Array(0) }])
    const source = yield* CoreSource
    yield* Effect.scoped(Effect.gen(function*() {
      const file = yield* source.open(ref!)
      yield* checkEqual(textOf(yield* Stream.runCollect(file.bytes())), "", "the whole")
      const failed = yield* tagOf(Stream.runDrain(file.decompressed))
      yield* check(failed !== "no failure", "decompressing an empty file must fail")
    }))
  }),

  contractCase("reaches cores with any name", function*() {
    const comms = ["web server.v1", "a/b", "kwörker", "#?%", "", "\\x41", "é\n\t"]
    const refs: ReadonlyArray<CoreRef> = yield* putAll(
      comms.map((comm, i) => ({ comm, pid: i + 1, content: bytesOf(String(i)) }))
    )
    const source = yield* CoreSource
    for (const [i, ref] of refs.entries()) {
      const metadata = yield* source.get(ref)
      yield* checkEqual(metadata.id, ref.id, "id")
      const text = yield* Effect.scoped(
        Effect.flatMap(source.open(ref), (file) => Effect.map(Stream.runCollect(file.bytes()), textOf))
      )
      yield* checkEqual(text, String(i), `content of ${ref.id}`)
    }
  }),

  contractCase("a watch shows what is there, then what happens", function*() {
    const script = yield* FakeCores
    const source = yield* CoreSource
    yield* putAll([{ comm: "old", pid: 1, content: bytesOf("1") }])
    const seen: Array<string> = []
    const tell = (event: CoreEvent) =>
      Effect.gen(function*() {
        if (event.type === "BOOKMARK") {
          if (seen.at(-1) === "BOOKMARK") return
          seen.push(event.type)
          yield* script.put({ comm: "new", pid: 2, time: noon, content: bytesOf("2") })
        } else seen.push(`${event.type} ${event.object.COREDUMP_COMM}`)
      })
    yield* source.changes().pipe(
      Stream.tap(tell),
      Stream.takeUntil(() => seen.at(-1) === "ADDED new"),
      Stream.runDrain
    )
    yield* checkEqual(seen, ["ADDED old", "BOOKMARK", "ADDED new"], "events")
  }),

  contractCase("a watch from a list's version misses nothing", function*() {
    const script = yield* FakeCores
    const source = yield* CoreSource
    const { resourceVersion } = yield* source.list({})
    const refs: Array<CoreRef> = []
    for (const pid of [1, 2, 3]) refs.push(yield* script.put({ pid, content: bytesOf("x") }))
    const added = new Set<string>()
    yield* source.changes({ since: resourceVersion }).pipe(
      Stream.tap((event) => Effect.sync(() => event.type === "ADDED" && added.add(event.object.id))),
      Stream.takeUntil(() => added.size === refs.length),
      Stream.runDrain
    )
    yield* checkEqual(added, new Set(refs.map(({ id }) => id as string)), "added since the list")
  }),

  contractCase("in a filtered watch, leaving the view is DELETED", function*() {
    const script = yield* FakeCores
    const source = yield* CoreSource
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: bytesOf("1") }])
    const { resourceVersion } = yield* source.list({})
    yield* script.lose(ref!)
    const firstOf = (options: Parameters<typeof source.changes>[0]) =>
      source.changes(options).pipe(
        Stream.filter((event: CoreEvent) => event.type !== "BOOKMARK"),
        Stream.take(1),
        Stream.runCollect
      )
    const [deleted] = yield* firstOf({ since: resourceVersion })
    yield* checkEqual([deleted!.type, deleted!.object.id], ["DELETED", ref!.id], "without state")
    const [modified] = yield* firstOf({ since: resourceVersion, filter: { state: "any" } })
    yield* checkEqual([modified!.type, modified!.object.state], ["MODIFIED", "missing"], "with state=any")
  }),

  contractCase("a version of another index is expired, never misread", function*() {
    const source = yield* CoreSource
    for (const since of ["someone-1", "garbage", "18446744073709551616"]) {
      yield* checkEqual(
        yield* tagOf(Stream.runHead(source.changes({ since }))),
        "ResourceVersionExpired",
        `a watch since ${since}`
      )
    }
  }),

  contractCase("removes a stored core, and only that", function*() {
    const source = yield* CoreSource
    const [ref, other]: ReadonlyArray<CoreRef> = yield* putAll([
      { pid: 1, content: bytesOf("1") },
      { pid: 2, content: bytesOf("2") }
    ])
    yield* source.remove(ref!)
    yield* settled(2, (cores) => !isStored(cores, ref!))
    yield* checkEqual(yield* ids({}), [other!.id], "cores afterwards")
    yield* checkEqual(yield* tagOf(source.remove(absent(ref!.node))), "CoreNotFound", "removal of none")
  }),

  contractCase("tells of its nodes", function*() {
    const source = yield* CoreSource
    const [ref]: ReadonlyArray<CoreRef> = yield* putAll([{ content: bytesOf("12345") }])
    const nodes = yield* source.nodes
    const node = nodes.find(({ name }: { readonly name: string }) => name === ref!.node)
    yield* checkEqual([node?.state, node?.cores, node?.bytes], ["ready", 1, 5], "the core's node")
  })
]
