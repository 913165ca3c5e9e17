import { describe, it } from "@effect/vitest"
import { type Authorizer, CoreSource, layerAllowAll } from "@koredump/core"
import {
  coreSourceContract,
  FakeCores,
  type FakeRule,
  layerFakeAuthorizer,
  layerFakeCoreSource
} from "@koredump/core/testing"
import { Context, Effect, Layer } from "effect"
import { authorized, places } from "./fixtures.ts"

/** A fake source with access checks. Every core gets these fields. */
const makeAuthorizedFake = (authorizer: Layer.Layer<Authorizer>, fields: (pid: number) => Record<string, string>) =>
  Layer.effectContext(Effect.gen(function*() {
    const fake = yield* FakeCores
    const cores = FakeCores.of({
      ...fake,
      put: (core) => fake.put({ ...core, fields: { ...fields(core.pid ?? 0), ...core.fields } })
    })
    return Context.make(CoreSource, yield* authorized()).pipe(Context.add(FakeCores, cores))
  })).pipe(Layer.provide([layerFakeCoreSource(), authorizer]))

const everything: FakeRule = {
  verbs: ["list", "watch", "get", "delete"],
  resources: ["coredumps", "coredumps/content", "nodecoredumps", "nodecoredumps/content"]
}

describe("authorizeCoreSource meets the CoreSource contract", () => {
  const byNamespace: ReadonlyArray<FakeRule> = [
    { ...everything, namespace: "a" },
    { ...everything, namespace: "b" },
    { ...everything, namespace: "no-such-namespace" },
    { verbs: ["list"], resources: ["nodecoredumps"] }
  ]
  for (const { name, run } of coreSourceContract) {
    it.effect(`${name}, with permission for everything`, () =>
      run.pipe(Effect.provide(makeAuthorizedFake(layerAllowAll, () => ({})))))
    it.effect(`${name}, with permission for each namespace`, () =>
      run.pipe(Effect.provide(makeAuthorizedFake(
        layerFakeAuthorizer(byNamespace),
        (pid) => pid % 2 === 0 ? places.a : places.b
      ))))
  }
})
