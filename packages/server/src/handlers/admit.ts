import { CurrentPrincipal, type Problem, type ReadBlock } from "@koredump/core"
import { Effect, type Scope } from "effect"
import type { HttpServerRequest } from "effect/http"
import { setTimeout } from "node:timers/promises"
import { Admission } from "../admission/Admission.ts"
import type { RequestKind } from "../admission/requestKinds.ts"

/** The key of an authenticated caller. */
const callerKey = Effect.map(CurrentPrincipal, ({ username }) => `user ${username}`)

const makeCharge = Effect.zipWith(
  callerKey,
  Admission,
  (caller, { charge }) => (millis: number): number => charge(caller, millis)
)

/** Waits until the request of the authenticated caller can run, see `Admission`. */
export const admit = (
  kind: RequestKind,
  weight?: number
): Effect.Effect<void, Problem, Admission | CurrentPrincipal | HttpServerRequest.HttpServerRequest | Scope.Scope> =>
  Effect.flatMap(callerKey, (caller) => Admission.use((admission) => admission.admit(kind, caller, weight)))

/** Records that the authenticated caller has used the processor for this long, in milliseconds. The next request pauses. */
export const charge = (millis: number): Effect.Effect<void, never, Admission | CurrentPrincipal> =>
  Effect.asVoid(makeCharge.pipe(Effect.map((charge) => charge(millis))))

/** Like {@link charge}, and waits until the pause is over. For requests that go on for long. */
export const chargeAndPause = (millis: number): Effect.Effect<void, never, Admission | CurrentPrincipal> =>
  Effect.flatMap(makeCharge, (charge) => Effect.sleep(charge(millis)))

/**
 * Reads blocks for the authenticated caller, with pauses while other callers need the processor. `millisPerMiB` is the
 * processor time of 1 MiB.
 */
export const paceBlocks = (
  read: ReadBlock,
  millisPerMiB: number
): Effect.Effect<ReadBlock, never, Admission | CurrentPrincipal> =>
  Effect.map(makeCharge, (charge): ReadBlock => async (signal) => {
    const block = await read(signal)
    const delay = block === undefined ? 0 : charge(block.length / 2 ** 20 * millisPerMiB)
    if (delay > 0) await setTimeout(delay, undefined, { signal })
    return block
  })
