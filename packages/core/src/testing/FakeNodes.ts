import { Context, Deferred, Effect, Latch, Layer, Scope, Stream, SubscriptionRef } from "effect"
import { NodeConnector } from "../cluster/NodeConnector.ts"
import { type NodeAddress, NodeDirectory } from "../cluster/NodeDirectory.ts"
import { NodeFailed, NotReady, type Problem } from "../model/Problem.ts"
import { CoreSource } from "../source/CoreSource.ts"
import { type FakeCore, FakeCores, layerFakeCoreSource } from "./FakeCoreSource.ts"

/** Scripts the nodes of a cluster. Each node has a fake core source. An unknown node name is a defect. */
export class FakeNodes extends Context.Service<FakeNodes, {
  /** Adds the node to the node directory. A node that was removed comes back with its cores. */
  readonly add: (name: string) => Effect.Effect<void>
  /** Adds a node with this source. */
  readonly addSource: (name: string, source: CoreSource["Service"]) => Effect.Effect<void>
  /** Removes the node from the node directory. Its node agent keeps running. */
  readonly remove: (name: string) => Effect.Effect<void>
  /** Gives the node another address, with the same cores and resource versions. */
  readonly move: (name: string) => Effect.Effect<void>
  /** Scripts the node's cores. */
  readonly cores: (name: string) => Effect.Effect<FakeCores["Service"]>
  /** The node neither sends events nor answers requests until `resume`. */
  readonly hang: (name: string) => Effect.Effect<void>
  /** Ends `hang`. */
  readonly resume: (name: string) => Effect.Effect<void>
  /** Running watches and all requests fail with this problem until `heal`. */
  readonly fail: (name: string, problem: Problem) => Effect.Effect<void>
  /** Ends `fail`. */
  readonly heal: (name: string) => Effect.Effect<void>
  /** Restarts the node agent with these cores: running watches fail, and earlier resource versions are expired. */
  readonly restart: (name: string, cores: ReadonlyArray<FakeCore>) => Effect.Effect<void>
  /** All requests to nodes so far, for example `node-1 changes`. */
  readonly requests: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/core/testing/FakeNodes") {}

interface Node {
  address: NodeAddress
  source: CoreSource["Service"]
  cores: FakeCores["Service"] | undefined
  failing: Problem | undefined
  readonly answering: Latch.Latch
  /** Fails running watches. Replaced after each use. */
  broken: Deferred.Deferred<never, Problem>
}

const toAddress = (name: string, generation: number): NodeAddress => ({
  name,
  address: `fake://${name}/${generation}`,
  incarnation: String(generation)
})

/** A node agent with a fake core source, as long as the scope is open. */
const makeAgent = (scope: Scope.Scope) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(layerFakeCoreSource())
    return { source: Context.get(context, CoreSource), cores: Context.get(context, FakeCores) }
  }).pipe(Scope.provide(scope))

const makeNode = Effect.fnUntraced(function*(
  name: string,
  { cores, source }: { readonly source: CoreSource["Service"]; readonly cores?: FakeCores["Service"] }
): Effect.fn.Return<Node> {
  return {
    address: toAddress(name, 1),
    source,
    cores,
    failing: undefined,
    answering: yield* Latch.make(true),
    broken: yield* Deferred.make<never, Problem>()
  }
})

const failWatches = Effect.fnUntraced(function*(node: Node, problem: Problem) {
  const { broken } = node
  node.broken = yield* Deferred.make<never, Problem>()
  yield* Deferred.fail(broken, problem)
})

/** The source that the connector returns: it hangs and fails as scripted. */
const makeSource = (name: string, node: Node, onRequest: (request: string) => void): CoreSource["Service"] => {
  const request = <A, R>(what: string, send: (source: CoreSource["Service"]) => Effect.Effect<A, Problem, R>) =>
    Effect.suspend(() => {
      onRequest(`${name} ${what}`)
      return node.answering.await
    }).pipe(
      Effect.andThen(
        Effect.suspend(() => node.failing === undefined ? send(node.source) : Effect.fail(node.failing))
      )
    )
  return CoreSource.of({
    list: (query) => request("list", (source) => source.list(query)),
    get: (ref) => request("get", (source) => source.get(ref)),
    open: (ref) => request("open", (source) => source.open(ref)),
    remove: (ref) => request("remove", (source) => source.remove(ref)),
    nodes: request("nodes", (source) => source.nodes),
    changes: (options) =>
      Stream.unwrap(request("changes", (source) => Effect.succeed(source.changes(options)))).pipe(
        Stream.mapArrayEffect((events) => Effect.as(node.answering.await, events)),
        Stream.interruptWhen(Effect.suspend(() => Deferred.await(node.broken)))
      )
  })
}

const make = Effect.fnUntraced(function*(names: ReadonlyArray<string> | undefined) {
  const agent = makeAgent(yield* Effect.scope)
  const nodes = new Map<string, Node>()
  const requests: Array<string> = []
  const present = yield* SubscriptionRef.make<ReadonlyArray<NodeAddress> | undefined>(undefined)

  const find = (name: string) =>
    Effect.suspend(() => {
      const node = nodes.get(name)
      return node === undefined ? Effect.die(new Error(`unknown node ${name}`)) : Effect.succeed(node)
    })

  const publish = (name: string, address: NodeAddress | undefined) =>
    SubscriptionRef.update(present, (addresses = []) => {
      const others = addresses.filter((other) => other.name !== name)
      return address === undefined ? others : [...others, address]
    })

  const addNode = (name: string, node: Node) => {
    nodes.set(name, node)
    return publish(name, node.address)
  }

  const script = FakeNodes.of({
    add: Effect.fnUntraced(function*(name) {
      yield* addNode(name, nodes.get(name) ?? (yield* makeNode(name, yield* agent)))
    }),
    addSource: Effect.fnUntraced(function*(name, source) {
      yield* addNode(name, yield* makeNode(name, { source }))
    }),
    remove: (name) => publish(name, undefined),
    move: Effect.fnUntraced(function*(name) {
      const node = yield* find(name)
      node.address = toAddress(name, Number(node.address.incarnation) + 1)
      yield* publish(name, node.address)
    }),
    cores: Effect.fnUntraced(function*(name) {
      const { cores } = yield* find(name)
      return cores ?? (yield* Effect.die(new Error(`node ${name} has its own source`)))
    }),
    hang: (name) => Effect.flatMap(find(name), ({ answering }) => answering.close),
    resume: (name) => Effect.flatMap(find(name), ({ answering }) => answering.open),
    fail: Effect.fnUntraced(function*(name, problem) {
      const node = yield* find(name)
      node.failing = problem
      yield* failWatches(node, problem)
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
      yield* failWatches(node, new NodeFailed({ detail: "Connection lost." }))
    }),
    requests: Effect.sync(() => [...requests])
  })

  for (const name of names ?? []) yield* script.add(name)
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
          ? Effect.succeed(makeSource(name, node, (request) => requests.push(request)))
          : Effect.fail(new NotReady({ detail: `No node at ${address}.` }))
      })
  })

  return Context.make(FakeNodes, script).pipe(
    Context.add(NodeDirectory, directory),
    Context.add(NodeConnector, connector)
  )
})

/** Scripted nodes. Without `names`, the node directory emits nothing until the first node is added. */
export const layerFakeNodes = (
  names?: ReadonlyArray<string>
): Layer.Layer<FakeNodes | NodeDirectory | NodeConnector> => Layer.effectContext(make(names))
