/** The nodes of a cluster that a test scripts: a directory and a connector over one `FakeCoreSource` for each node. */
import { Context, Deferred, Effect, Latch, Layer, Scope, Stream, SubscriptionRef } from "effect"
import { type NodeAddress, NodeConnector, NodeDirectory } from "../cluster/NodeDirectory.ts"
import { NodeFailed, NotReady, type Problem } from "../model/Problem.ts"
import { CoreSource } from "../source/CoreSource.ts"
import { type FakeCore, FakeCores, layerFakeCoreSource } from "./FakeCoreSource.ts"

/** Scripts the nodes. A name that no node has is a defect. */
export class FakeNodes extends Context.Service<FakeNodes, {
  /** The node comes into the directory; again, if it was there before, with the agent it had. */
  readonly add: (name: string) => Effect.Effect<void>
  /** A node whose agent is a source of the test's own. */
  readonly addSource: (name: string, source: CoreSource["Service"]) => Effect.Effect<void>
  /** The node goes from the directory; its agent answers on. */
  readonly remove: (name: string) => Effect.Effect<void>
  /** The node's agent is replaced by another at another address, which has the same cores and the same versions. */
  readonly move: (name: string) => Effect.Effect<void>
  /** Scripts the node's cores. */
  readonly cores: (name: string) => Effect.Effect<FakeCores["Service"]>
  /** Nothing comes of the node any more, and nothing is refused, until `resume`. */
  readonly hang: (name: string) => Effect.Effect<void>
  readonly resume: (name: string) => Effect.Effect<void>
  /** All that runs breaks off, and all that is asked is refused, until `heal`. */
  readonly fail: (name: string, problem: Problem) => Effect.Effect<void>
  readonly heal: (name: string) => Effect.Effect<void>
  /** The agent starts anew: all that runs breaks off, versions of before are expired, and these are the node's cores. */
  readonly restart: (name: string, cores: ReadonlyArray<FakeCore>) => Effect.Effect<void>
  /** What nodes have been asked so far: `node-1 changes`. */
  readonly asked: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/core/testing/FakeNodes") {}

interface Node {
  address: NodeAddress
  source: CoreSource["Service"]
  cores: FakeCores["Service"] | undefined
  failing: Problem | undefined
  readonly answering: Latch.Latch
  /** Fails what runs; a new one each time. */
  broken: Deferred.Deferred<never, Problem>
}

const addressOf = (name: string, generation: number): NodeAddress => ({
  name,
  address: `fake://${name}/${generation}`,
  incarnation: String(generation)
})

const make = Effect.fnUntraced(function*(names: ReadonlyArray<string> | undefined) {
  const scope = yield* Effect.scope
  const nodes = new Map<string, Node>()
  const asked: Array<string> = []
  const present = yield* SubscriptionRef.make<ReadonlyArray<NodeAddress> | undefined>(undefined)

  const find = (name: string) =>
    Effect.suspend(() => {
      const node = nodes.get(name)
      return node === undefined ? Effect.die(new Error(`there is no node ${name}`)) : Effect.succeed(node)
    })

  const publish = (name: string, address: NodeAddress | undefined) =>
    SubscriptionRef.update(present, (addresses = []) => {
      const others = addresses.filter((other) => other.name !== name)
      return address === undefined ? others : [...others, address]
    })

  const agent = Effect.gen(function*() {
    const context = yield* Layer.build(layerFakeCoreSource())
    return { source: Context.get(context, CoreSource), cores: Context.get(context, FakeCores) }
  }).pipe(Scope.provide(scope))

  const create = Effect.fnUntraced(function*(
    name: string,
    { cores, source }: { readonly source: CoreSource["Service"]; readonly cores?: FakeCores["Service"] }
  ) {
    const node: Node = {
      address: addressOf(name, 1),
      source,
      cores,
      failing: undefined,
      answering: yield* Latch.make(true),
      broken: yield* Deferred.make<never, Problem>()
    }
    nodes.set(name, node)
    return node
  })

  const breakOff = Effect.fnUntraced(function*(node: Node, problem: Problem) {
    const { broken } = node
    node.broken = yield* Deferred.make<never, Problem>()
    yield* Deferred.fail(broken, problem)
  })

  const sourceOf = (name: string, node: Node): CoreSource["Service"] => {
    const answered = <A, R>(what: string, answer: (source: CoreSource["Service"]) => Effect.Effect<A, Problem, R>) =>
      Effect.suspend(() => {
        asked.push(`${name} ${what}`)
        return node.answering.await
      }).pipe(
        Effect.andThen(
          Effect.suspend(() => node.failing === undefined ? answer(node.source) : Effect.fail(node.failing))
        )
      )
    return CoreSource.of({
      list: (query) => answered("list", (source) => source.list(query)),
      get: (ref) => answered("get", (source) => source.get(ref)),
      open: (ref) => answered("open", (source) => source.open(ref)),
      remove: (ref) => answered("remove", (source) => source.remove(ref)),
      nodes: answered("nodes", (source) => source.nodes),
      changes: (options) =>
        Stream.unwrap(answered("changes", (source) => Effect.succeed(source.changes(options)))).pipe(
          Stream.mapArrayEffect((events) => Effect.as(node.answering.await, events)),
          Stream.interruptWhen(Effect.suspend(() => Deferred.await(node.broken)))
        )
    })
  }

  const add = Effect.fnUntraced(function*(name: string) {
    const node = nodes.get(name) ?? (yield* create(name, yield* agent))
    yield* publish(name, node.address)
  })

  const script = FakeNodes.of({
    add,
    addSource: Effect.fnUntraced(function*(name, source) {
      const node = yield* create(name, { source })
      yield* publish(name, node.address)
    }),
    remove: (name) => publish(name, undefined),
    move: Effect.fnUntraced(function*(name) {
      const node = yield* find(name)
      node.address = addressOf(name, Number(node.address.incarnation) + 1)
      yield* publish(name, node.address)
    }),
    cores: Effect.fnUntraced(function*(name) {
      const { cores } = yield* find(name)
      return cores ?? (yield* Effect.die(new Error(`the cores of node ${name} are its source's`)))
    }),
    hang: (name) => Effect.flatMap(find(name), ({ answering }) => answering.close),
    resume: (name) => Effect.flatMap(find(name), ({ answering }) => answering.open),
    fail: Effect.fnUntraced(function*(name, problem) {
      const node = yield* find(name)
      node.failing = problem
      yield* breakOff(node, problem)
    }),
    heal: Effect.fnUntraced(function*(name) {
      const node = yield* find(name)
      node.failing = undefined
    }),
    restart: Effect.fnUntraced(function*(name, cores) {
      const node = yield* find(name)
      const next = yield* agent
      for (const core of cores) yield* next.cores.put({ node: name, ...core })
      node.source = next.source
      node.cores = next.cores
      yield* breakOff(node, new NodeFailed({ detail: "The connection broke." }))
    }),
    asked: Effect.sync(() => [...asked])
  })

  for (const name of names ?? []) yield* add(name)
  if (names?.length === 0) yield* SubscriptionRef.set(present, [])

  const directory = NodeDirectory.of({
    nodes: Stream.filter(SubscriptionRef.changes(present), (addresses) => addresses !== undefined),
    degradedReason: Effect.undefined
  })

  const connector = NodeConnector.of({
    connect: ({ address, name }) =>
      Effect.suspend(() => {
        const node = nodes.get(name)
        return node?.address.address === address
          ? Effect.succeed(sourceOf(name, node))
          : Effect.fail(new NotReady({ detail: `Nobody is at ${address}.` }))
      })
  })

  return Context.make(FakeNodes, script).pipe(
    Context.add(NodeDirectory, directory),
    Context.add(NodeConnector, connector)
  )
})

/** Scripted nodes; the directory tells nothing before the first comes, unless it begins with `names`. */
export const layerFakeNodes = (
  names?: ReadonlyArray<string>
): Layer.Layer<FakeNodes | NodeDirectory | NodeConnector> => Layer.effectContext(make(names))
