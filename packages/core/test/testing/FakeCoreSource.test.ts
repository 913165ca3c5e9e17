import { describe, it } from "@effect/vitest"
import { coreSourceContract, layerFakeCoreSource } from "@koredump/core/testing"
import { Effect } from "effect"

describe("FakeCoreSource keeps the CoreSource contract", () => {
  for (const { name, run } of coreSourceContract) {
    it.effect(name, () => run.pipe(Effect.provide(layerFakeCoreSource())))
  }
})
