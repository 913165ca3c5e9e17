import type { ContractCase } from "./contract/contractCase.ts"
import { fileCases } from "./contract/fileCases.ts"
import { heartbeatCases } from "./contract/heartbeatCases.ts"
import { listCases } from "./contract/listCases.ts"
import { watchCases } from "./contract/watchCases.ts"

export type { ContractCase } from "./contract/contractCase.ts"

/**
 * What every `CoreSource` must do, as cases for any test runner:
 *
 * ```ts
 * for (const { name, run } of coreSourceContract) {
 *   it.live(name, () => run.pipe(Effect.provide(mySource)))
 * }
 * ```
 *
 * The layer provides the source under test, and `FakeCores`, which creates crashes in it. A source may show a crash
 * later: the cases wait for it in a watch, so run them with a timeout. Cases with `waits` take 10 seconds on the real
 * clock. Under `TestClock` they move the clock instead, so prefer `it.effect` for them.
 */
export const coreSourceContract: ReadonlyArray<ContractCase> = [
  ...listCases,
  ...fileCases,
  ...watchCases,
  ...heartbeatCases
]
