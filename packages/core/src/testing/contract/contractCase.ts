/** What the cases of the contract suite share. */
import { Effect, Equal, Stream } from "effect"
import type { CoreSummary } from "../../model/Core.ts"
import { CoreId, type CoreRef } from "../../model/CoreId.ts"
import type { CoreQuery } from "../../source/CoreQuery.ts"
import { CoreSource } from "../../source/CoreSource.ts"
import { FakeCores } from "../FakeCoreSource.ts"

/** One case. It dies with an error that describes how the source breaks the contract. */
export interface ContractCase {
  readonly name: string
  /** Whether the case waits for time to pass: 10 seconds on the real clock, almost none under `TestClock`. */
  readonly waits: boolean
  readonly run: Effect.Effect<void, unknown, CoreSource | FakeCores>
}

/** A case from a generator of effects. */
export const contractCase = (
  name: string,
  body: () => Generator<Effect.Effect<any, any, any>, void, any>,
  { waits = false }: { readonly waits?: boolean } = {}
): ContractCase => ({
  name,
  waits,
  run: Effect.gen(body) as ContractCase["run"]
})

/** Dies unless the condition holds. */
export const check = (condition: boolean, message: string) =>
  condition ? Effect.void : Effect.die(new Error(`CoreSource contract: ${message}`))

/** Dies unless the two values are equal. */
export const checkEqual = (actual: unknown, expected: unknown, what: string) =>
  check(Equal.equals(actual, expected), `${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)

/** Encodes text as UTF-8. */
export const encodeText = (text: string) => new TextEncoder().encode(text)

/** Decodes UTF-8 text. */
export const decodeText = (chunks: ReadonlyArray<Uint8Array>) =>
  new TextDecoder().decode(Uint8Array.from(chunks.flatMap((chunk) => [...chunk])))

/** A second in microseconds, the unit of crash times. */
export const second = 1_000_000
/** A crash time. */
export const noon = 1_700_000_000 * second

/** Whether the list has the core with a file that can be opened. */
export const isStored = (cores: ReadonlyArray<CoreSummary>, ref: CoreRef) =>
  cores.some(({ id, state }) => id === ref.id && state !== "missing" && state !== "pending")

/** Waits until the source lists `count` cores of any state for which `condition` holds. */
export const waitForCores = (count: number, condition: (cores: ReadonlyArray<CoreSummary>) => boolean = () => true) =>
  Effect.gen(function*() {
    const source = yield* CoreSource
    const isListed = Effect.map(
      source.list({ state: "any" }),
      ({ cores }) => cores.length === count && condition(cores)
    )
    if (yield* isListed) return
    yield* source.changes({ filter: { state: "any" } }).pipe(
      Stream.mapEffect(() => isListed),
      Stream.takeUntil((done) => done),
      Stream.runDrain
    )
  })

/** Puts cores and waits until the source lists all of them. */
export const putAll = (cores: ReadonlyArray<Parameters<FakeCores["Service"]["put"]>[0]>) =>
  Effect.gen(function*() {
    const script = yield* FakeCores
    const refs: Array<CoreRef> = []
    for (const core of cores) refs.push(yield* script.put(core))
    yield* waitForCores(
      cores.length,
      (listed) => cores.every((core, i) => core.content === undefined || isStored(listed, refs[i]!))
    )
    return refs
  })

/** The IDs of a list. */
export const listIds = (query: CoreQuery) =>
  Effect.map(CoreSource.use((source) => source.list(query)), ({ cores }) => cores.map(({ id }) => id as string))

/** The tag of the effect's error, or `no failure`. */
export const failureTag = <A, R>(effect: Effect.Effect<A, { readonly _tag: string }, R>) =>
  effect.pipe(Effect.flip, Effect.map((error) => error._tag), Effect.orElseSucceed(() => "no failure"))

/** A core that the node does not have. */
export const unknownCore = (node: string): CoreRef => ({
  node,
  id: CoreId.make("core.nobody.0.ffffffffffffffffffffffffffffffff.1.1000000")
})
