import { assert, describe, it } from "@effect/vitest"
import { type AccessRequest, authorizeCoreSource, Authorizer, CoreId, type CoreQuery, CoreSource } from "@koredump/core"
import { FakeCores, type FakeRule, FakeRules } from "@koredump/core/testing"
import { Effect, Stream } from "effect"
import { ann, authorized, layers, makeCore, nodeViewer, type Place, putAll, viewer } from "./fixtures.ts"

const allPlaces: ReadonlyArray<Place> = ["a", "b", "host", "pending"]

const getTag = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  effect.pipe(Effect.flip, Effect.map((error) => error._tag), Effect.orElseSucceed(() => "ok"))

const getMessage = <A>(effect: Effect.Effect<A, { readonly message: string }>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

const listComms = (query: CoreQuery = {}) =>
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

// Targets of a permission, and the places whose cores they include.
const scopes: ReadonlyArray<
  readonly [string, "coredumps" | "nodecoredumps", string | undefined, ReadonlyArray<Place>]
> = [
  ["namespace a", "coredumps", "a", ["a"]],
  ["namespace b", "coredumps", "b", ["b"]],
  ["another namespace", "coredumps", "c", []],
  ["all namespaces", "coredumps", undefined, ["a", "b", "pending"]],
  ["nodes", "nodecoredumps", undefined, ["host"]],
  ["nodes, wrongly with a namespace", "nodecoredumps", "a", []]
]

const permissions: ReadonlyArray<readonly [AccessRequest["verb"], "" | "/content"]> = [
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
      get: yield* getTag(source.get(ref)),
      environ: yield* source.get(ref).pipe(
        Effect.map((core) => "COREDUMP_ENVIRON" in core),
        Effect.orElseSucceed(() => false)
      ),
      open: yield* getTag(Effect.scoped(source.open(ref))),
      remove: yield* getTag(source.remove(ref))
    }
  })

describe("authorizeCoreSource: permission × target × owner of the core", () => {
  for (const [verb, subresource] of permissions) {
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
                // Environment and core file require two permissions.
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
      it.effect(`content and deletion for a caller who sees all cores, in ${scope}, core of ${place}`, () =>
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

  it.effect("fails for hidden cores exactly as for cores that do not exist", () =>
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

  it.effect("names the user and the missing permission", () =>
    Effect.gen(function*() {
      const { a, host } = yield* putAll
      const source = yield* authorized()
      assert.include(
        yield* getMessage(Effect.scoped(source.open(a))),
        "User \"ann\" has no permission to get coredumps/content in namespace \"a\"."
      )
      assert.include(yield* getMessage(source.remove(host)), "User \"ann\" has no permission to delete nodecoredumps.")
    }).pipe(Effect.provide(layers([viewer("a"), nodeViewer]))))

  it.effect("decides on metadata by its own namespace, not by that of the list", () =>
    Effect.gen(function*() {
      const { a } = yield* putAll
      const source = yield* CoreSource
      const later = authorizeCoreSource(
        { ...source, get: (ref) => Effect.map(source.get(ref), (core) => ({ ...core, namespace: "b" })) },
        { principal: ann, authorizer: yield* Authorizer }
      )
      assert.strictEqual(yield* getTag(later.get(a)), "CoreNotFound")
    }).pipe(Effect.provide(layers([viewer("a")]))))
})

describe("authorizeCoreSource: lists", () => {
  it.effect.each<[string, ReadonlyArray<FakeRule>, CoreQuery, ReadonlyArray<Place> | "Forbidden"]>([
    ["nothing allowed", [], {}, []],
    ["nothing allowed, a namespace in the filter", [], { namespace: ["a"] }, "Forbidden"],
    ["nothing allowed, a namespace without cores in the filter", [], { namespace: ["nowhere"] }, "Forbidden"],
    ["one namespace", [viewer("a")], {}, ["a"]],
    ["one namespace, in the filter", [viewer("a")], { namespace: ["a"] }, ["a"]],
    ["one namespace, another one in the filter", [viewer("a")], { namespace: ["b"] }, "Forbidden"],
    ["one namespace, two in the filter", [viewer("a")], { namespace: ["b", "a"] }, ["a"]],
    ["one namespace and nodes", [viewer("a"), nodeViewer], {}, ["a", "host"]],
    ["nodes only, a namespace in the filter", [nodeViewer], { namespace: ["a"] }, "Forbidden"],
    ["all namespaces", [viewer()], {}, ["a", "b", "pending"]],
    ["all namespaces, one in the filter", [viewer()], { namespace: ["b"] }, ["b"]],
    ["all", [viewer(), nodeViewer], {}, ["a", "b", "host", "pending"]],
    ["two namespaces, programs in the filter", [viewer("a"), viewer("b")], { comm: ["b", "host"] }, ["b"]],
    ["one namespace, text of a hidden core in the filter", [viewer("a")], { q: "db-0" }, []],
    ["permissions of another user", [{ ...viewer(), user: "bob" }], {}, []]
  ])("lists the visible cores: %s", ([, rules, query, expected]) =>
    Effect.gen(function*() {
      yield* putAll
      const comms = yield* listComms(query).pipe(Effect.catch(({ _tag }) => Effect.succeed(_tag)))
      assert.deepStrictEqual<unknown>(Array.isArray(comms) ? comms.toSorted() : comms, expected)
    }).pipe(Effect.provide(layers(rules))))

  it.effect("names unreachable nodes only to callers who can see cores", () =>
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

  it.effect("checks permission for all namespaces first, then for each namespace once", () =>
    Effect.gen(function*() {
      const { put } = yield* FakeCores
      const { reviews, set } = yield* FakeRules
      for (let pid = 1; pid <= 50; pid++) yield* put(makeCore(pid % 2 === 0 ? "a" : "b", { pid }))
      yield* listComms()
      const requested = (yield* reviews).map(({ namespace, resource }) => namespace ?? resource)
      assert.deepStrictEqual(requested.slice(0, 2), ["coredumps", "nodecoredumps"])
      assert.deepStrictEqual(requested.slice(2).toSorted(), ["a", "b"])
      yield* set([viewer(), nodeViewer])
      yield* listComms()
      assert.lengthOf(yield* reviews, 6)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("contains the first core of a namespace that appears while access is decided", () =>
    Effect.gen(function*() {
      const { a } = yield* putAll
      const source = yield* CoreSource
      const { put } = yield* FakeCores
      let lists = 0
      const busy = authorizeCoreSource({
        ...source,
        list: (query) =>
          Effect.andThen(
            ++lists === 2 ? put(makeCore("a", { pid: 9, fields: { namespace: "new" } })) : Effect.void,
            source.list(query)
          )
      }, { principal: ann, authorizer: yield* Authorizer })
      const { cores } = yield* busy.list({})
      assert.deepStrictEqual(cores.map(({ namespace }) => namespace), ["a", "new"])
      assert.strictEqual(cores[0]?.id, a.id)
    }).pipe(Effect.provide(layers([viewer("a"), viewer("new")]))))

  it.effect("returns the list of the source to a caller who can see all cores", () =>
    Effect.gen(function*() {
      yield* putAll
      const list = yield* (yield* CoreSource).list({})
      const seen = yield* (yield* authorized()).list({})
      for (const [i, core] of list.cores.entries()) assert.strictEqual(seen.cores[i], core)
    }).pipe(Effect.provide(layers([viewer(), nodeViewer]))))

  it.effect("returns full pages that together are the full list, in every order", () =>
    Effect.gen(function*() {
      const { put } = yield* FakeCores
      for (let pid = 1; pid <= 30; pid++) {
        yield* put(makeCore((["a", "b", "host"] as const)[pid % 3]!, {
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

  it.effect("fails in every operation while the authorizer is unavailable", () =>
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
        assert.strictEqual(yield* getTag(operation), "NotReady", name)
      }
    }).pipe(Effect.provide(layers([viewer(), nodeViewer]))))

  it.effect("returns nodes only with permission to list the cores of nodes", () =>
    Effect.gen(function*() {
      yield* putAll
      assert.strictEqual(yield* getTag((yield* authorized()).nodes), "Forbidden")
      yield* (yield* FakeRules).set([nodeViewer])
      assert.strictEqual((yield* (yield* authorized()).nodes)[0]?.name, "node-1")
    }).pipe(Effect.provide(layers([viewer()]))))
})
