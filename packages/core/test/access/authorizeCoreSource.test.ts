import { assert, describe, it } from "@effect/vitest"
import { type AccessRequest, authorizeCoreSource, Authorizer, CoreId, type CoreQuery, CoreSource } from "@koredump/core"
import { FakeCores, type FakeRule, FakeRules } from "@koredump/core/testing"
import { Effect, Stream } from "effect"
import { ann, authorized, coreOf, layers, nodeViewer, type Place, putAll, viewer } from "./authorized.ts"

const allPlaces: ReadonlyArray<Place> = ["a", "b", "host", "pending"]

const tagOf = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  effect.pipe(Effect.flip, Effect.map((error) => error._tag), Effect.orElseSucceed(() => "ok"))

const messageOf = <A>(effect: Effect.Effect<A, { readonly message: string }>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

const commsOf = (query: CoreQuery = {}) =>
  Effect.gen(function*() {
    const { cores } = yield* (yield* authorized()).list(query)
    return cores.map(({ COREDUMP_COMM }) => COREDUMP_COMM)
  })

type Resource = FakeRule["resources"][number]

const rule = (verb: AccessRequest["verb"], resource: Resource, namespace?: string): FakeRule => ({
  verbs: [verb],
  resources: [resource],
  ...(namespace === undefined ? {} : { namespace })
})

// Where a right may be held, and the places whose cores it covers.
const scopes: ReadonlyArray<
  readonly [string, "coredumps" | "nodecoredumps", string | undefined, ReadonlyArray<Place>]
> = [
  ["namespace a", "coredumps", "a", ["a"]],
  ["namespace b", "coredumps", "b", ["b"]],
  ["another namespace", "coredumps", "c", []],
  ["all namespaces", "coredumps", undefined, ["a", "b", "pending"]],
  ["nodes", "nodecoredumps", undefined, ["host"]],
  ["nodes, by mistake in a namespace", "nodecoredumps", "a", []]
]

const rights: ReadonlyArray<readonly [AccessRequest["verb"], "" | "/content"]> = [
  ["list", ""],
  ["watch", ""],
  ["get", ""],
  ["get", "/content"],
  ["delete", ""]
]

const outcomes = (place: Place) =>
  Effect.gen(function*() {
    const refs = yield* putAll
    const source = yield* authorized()
    const ref = refs[place]
    const added = yield* source.changes().pipe(
      Stream.takeUntil(({ type }) => type === "BOOKMARK"),
      Stream.runCollect
    )
    return {
      list: (yield* source.list({})).cores.some(({ id }) => id === ref.id),
      watch: added.some((event) => event.type === "ADDED" && event.object.id === ref.id),
      get: yield* tagOf(source.get(ref)),
      environ: yield* source.get(ref).pipe(
        Effect.map((core) => "COREDUMP_ENVIRON" in core),
        Effect.orElseSucceed(() => false)
      ),
      open: yield* tagOf(Effect.scoped(source.open(ref))),
      remove: yield* tagOf(source.remove(ref))
    }
  })

describe("authorizeCoreSource: verb × scope × place", () => {
  for (const [verb, subresource] of rights) {
    for (const [scope, resource, namespace, covered] of scopes) {
      for (const place of allPlaces) {
        it.effect(`${verb} ${resource}${subresource} in ${scope}, core of ${place}`, () => {
          const has = (v: AccessRequest["verb"], s: "" | "/content" = "") =>
            covered.includes(place) && v === verb && s === subresource
          const visible = has("list") || has("get")
          return outcomes(place).pipe(
            Effect.map((seen) =>
              assert.deepStrictEqual(seen, {
                list: has("list"),
                watch: has("watch"),
                get: has("get") ? "ok" : visible ? "Forbidden" : "CoreNotFound",
                // Neither alone is enough for the environment, nor for the core.
                environ: false,
                open: visible ? "Forbidden" : "CoreNotFound",
                remove: visible ? "Forbidden" : "CoreNotFound"
              })
            ),
            Effect.provide(layers([rule(verb, `${resource}${subresource}`, namespace)]))
          )
        })
      }
    }
  }

  for (const [scope, resource, namespace, covered] of scopes) {
    for (const place of allPlaces) {
      it.effect(`content and deletion for one who sees all, in ${scope}, core of ${place}`, () =>
        outcomes(place).pipe(
          Effect.map((seen) => {
            const has = covered.includes(place)
            assert.deepStrictEqual(seen, {
              list: true,
              watch: true,
              get: "ok",
              environ: has,
              open: has ? "ok" : "Forbidden",
              remove: has ? "ok" : "Forbidden"
            })
          }),
          Effect.provide(layers([
            viewer(),
            nodeViewer,
            rule("get", `${resource}/content`, namespace),
            rule("delete", resource, namespace)
          ]))
        ))
    }
  }

  it.effect("what is hidden and what does not exist are told apart by nothing", () =>
    Effect.gen(function*() {
      const { b } = yield* putAll
      const source = yield* authorized()
      const absent = { ...b, id: CoreId.make(b.id.replace(".2.", ".22.")) }
      for (const operation of [source.get, (ref: typeof b) => Effect.scoped(source.open(ref)), source.remove]) {
        const [hidden, none] = [yield* Effect.flip(operation(b)), yield* Effect.flip(operation(absent))]
        assert.deepStrictEqual({ ...hidden, id: "" }, { ...none, id: "" })
        assert.strictEqual(hidden._tag, "CoreNotFound")
      }
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("says who may not do what, where", () =>
    Effect.gen(function*() {
      const { a, host } = yield* putAll
      const source = yield* authorized()
      assert.include(
        yield* messageOf(Effect.scoped(source.open(a))),
        "User \"ann\" has no permission to get coredumps/content in namespace \"a\"."
      )
      assert.include(yield* messageOf(source.remove(host)), "User \"ann\" has no permission to delete nodecoredumps.")
    }).pipe(Effect.provide(layers([viewer("a"), nodeViewer]))))

  it.effect("metadata is decided by what it says itself, not by what the list said before", () =>
    Effect.gen(function*() {
      const { a } = yield* putAll
      const source = yield* CoreSource
      const later = authorizeCoreSource(
        { ...source, get: (ref) => Effect.map(source.get(ref), (core) => ({ ...core, namespace: "b" })) },
        { principal: ann, authorizer: yield* Authorizer }
      )
      assert.strictEqual(yield* tagOf(later.get(a)), "CoreNotFound")
    }).pipe(Effect.provide(layers([viewer("a")]))))
})

describe("authorizeCoreSource: lists", () => {
  it.effect.each<[string, ReadonlyArray<FakeRule>, CoreQuery, ReadonlyArray<Place> | "Forbidden"]>([
    ["nothing allowed", [], {}, []],
    ["nothing allowed, namespace named", [], { namespace: ["a"] }, "Forbidden"],
    ["nothing allowed, namespace named that has no cores", [], { namespace: ["nowhere"] }, "Forbidden"],
    ["one namespace", [viewer("a")], {}, ["a"]],
    ["one namespace, named", [viewer("a")], { namespace: ["a"] }, ["a"]],
    ["one namespace, another named", [viewer("a")], { namespace: ["b"] }, "Forbidden"],
    ["one namespace, both named", [viewer("a")], { namespace: ["b", "a"] }, ["a"]],
    ["one namespace and nodes", [viewer("a"), nodeViewer], {}, ["a", "host"]],
    ["nodes only, namespace named", [nodeViewer], { namespace: ["a"] }, "Forbidden"],
    ["all namespaces", [viewer()], {}, ["a", "b", "pending"]],
    ["all namespaces, one named", [viewer()], { namespace: ["b"] }, ["b"]],
    ["all", [viewer(), nodeViewer], {}, ["a", "b", "host", "pending"]],
    ["the filter goes on to count", [viewer("a"), viewer("b")], { comm: ["b", "host"] }, ["b"]],
    ["text that only others have", [viewer("a")], { q: "db-0" }, []],
    ["rules of somebody else", [{ ...viewer(), user: "bob" }], {}, []]
  ])("%s", ([, rules, query, expected]) =>
    Effect.gen(function*() {
      yield* putAll
      const comms = yield* commsOf(query).pipe(Effect.catch(({ _tag }) => Effect.succeed(_tag)))
      assert.deepStrictEqual<unknown>(Array.isArray(comms) ? comms.toSorted() : comms, expected)
    }).pipe(Effect.provide(layers(rules))))

  it.effect("names unreachable nodes to those alone who may see cores", () =>
    Effect.gen(function*() {
      yield* putAll
      const source = yield* CoreSource
      const rules = yield* FakeRules
      const partial = authorizeCoreSource({
        ...source,
        list: (query) => Effect.map(source.list(query), (list) => ({ ...list, unreachable: ["node-9"] }))
      }, { principal: ann, authorizer: yield* Authorizer })
      for (
        const [held, expected] of [
          [[], []],
          [[viewer("a")], ["node-9"]],
          [[nodeViewer], ["node-9"]],
          [[viewer(), nodeViewer], ["node-9"]]
        ] as const
      ) {
        yield* rules.set(held)
        assert.deepStrictEqual((yield* partial.list({ comm: ["none"] })).unreachable, expected)
      }
    }).pipe(Effect.provide(layers())))

  it.effect("asks everywhere first, then once for each namespace", () =>
    Effect.gen(function*() {
      const { put } = yield* FakeCores
      const { reviews, set } = yield* FakeRules
      for (let pid = 1; pid <= 50; pid++) yield* put(coreOf(pid % 2 === 0 ? "a" : "b", { pid }))
      yield* commsOf()
      const asked = (yield* reviews).map(({ namespace, resource }) => namespace ?? resource)
      assert.deepStrictEqual(asked.slice(0, 2), ["coredumps", "nodecoredumps"])
      assert.deepStrictEqual(asked.slice(2).toSorted(), ["a", "b"])
      yield* set([viewer(), nodeViewer])
      yield* commsOf()
      assert.lengthOf(yield* reviews, 6)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("has the first core of a namespace that comes while it asks", () =>
    Effect.gen(function*() {
      const { a } = yield* putAll
      const source = yield* CoreSource
      const { put } = yield* FakeCores
      let lists = 0
      const busy = authorizeCoreSource({
        ...source,
        list: (query) =>
          Effect.andThen(
            ++lists === 2 ? put(coreOf("a", { pid: 9, fields: { namespace: "new" } })) : Effect.void,
            source.list(query)
          )
      }, { principal: ann, authorizer: yield* Authorizer })
      const { cores } = yield* busy.list({})
      assert.deepStrictEqual(cores.map(({ namespace }) => namespace), ["a", "new"])
      assert.strictEqual(cores[0]?.id, a.id)
    }).pipe(Effect.provide(layers([viewer("a"), viewer("new")]))))

  it.effect("hands on the source's own list to those who may see all", () =>
    Effect.gen(function*() {
      yield* putAll
      const list = yield* (yield* CoreSource).list({})
      const seen = yield* (yield* authorized()).list({})
      for (const [i, core] of list.cores.entries()) assert.strictEqual(seen.cores[i], core)
    }).pipe(Effect.provide(layers([viewer(), nodeViewer]))))

  it.effect("pages are full, and together the whole, in every order", () =>
    Effect.gen(function*() {
      const { put } = yield* FakeCores
      for (let pid = 1; pid <= 30; pid++) {
        yield* put(coreOf((["a", "b", "host"] as const)[pid % 3]!, {
          pid,
          time: 1_700_000_000_000_000 + (pid % 7) * 1_000_000,
          content: new Uint8Array(pid % 5 + 1)
        }))
      }
      const source = yield* authorized()
      for (const sort of ["timestamp", "size"] as const) {
        for (const order of ["asc", "desc"] as const) {
          const whole = (yield* source.list({ sort, order })).cores
          assert.lengthOf(whole, 10)
          const pages: Array<number> = []
          const ids: Array<string> = []
          let next: string | undefined
          do {
            const page: Effect.Success<ReturnType<typeof source.list>> = yield* source.list({
              sort,
              order,
              limit: 4,
              ...(next === undefined ? {} : { continue: next })
            })
            pages.push(page.cores.length)
            ids.push(...page.cores.map(({ id }) => id))
            next = page.continue
          } while (next !== undefined)
          assert.deepStrictEqual(pages, [4, 4, 2])
          assert.deepStrictEqual(ids, whole.map(({ id }) => id))
        }
      }
      assert.notProperty(yield* source.list({ limit: 10 }), "continue")
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("fails where the rules cannot be asked for, as everything does", () =>
    Effect.gen(function*() {
      const { a } = yield* putAll
      yield* (yield* FakeRules).down(true)
      const source = yield* authorized()
      const operations = {
        list: source.list({}),
        named: source.list({ namespace: ["a"] }),
        get: source.get(a),
        open: Effect.scoped(source.open(a)),
        remove: source.remove(a),
        changes: Stream.runHead(source.changes()),
        nodes: source.nodes
      }
      for (const [name, operation] of Object.entries(operations)) {
        assert.strictEqual(yield* tagOf(operation), "NotReady", name)
      }
    }).pipe(Effect.provide(layers([viewer(), nodeViewer]))))

  it.effect("nodes are for those who may list nodes' cores", () =>
    Effect.gen(function*() {
      yield* putAll
      assert.strictEqual(yield* tagOf((yield* authorized()).nodes), "Forbidden")
      yield* (yield* FakeRules).set([nodeViewer])
      assert.strictEqual((yield* (yield* authorized()).nodes)[0]?.name, "node-1")
    }).pipe(Effect.provide(layers([viewer()]))))
})
