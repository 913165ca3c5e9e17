/** A fake source with cores of two namespaces, of the node and of an unknown owner, and the caller `ann`. */
import { authorizeCoreSource, type AuthorizeOptions, Authorizer, CoreSource, type Principal } from "@koredump/core"
import {
  type FakeCore,
  FakeCores,
  type FakeRule,
  layerFakeAuthorizer,
  layerFakeCoreSource
} from "@koredump/core/testing"
import { Effect, Layer } from "effect"

export const ann: Principal = { username: "ann", groups: ["devs"] }

export const toBytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Owners of cores: `pending` requires permission for all namespaces, `host` for the cores of nodes. */
export const places = {
  a: { namespace: "a", pod: "web-0" },
  b: { namespace: "b", pod: "db-0" },
  host: { COREDUMP_CGROUP: "/system.slice/sshd.service" },
  pending: {}
} satisfies Record<string, Record<string, string>>

export type Place = keyof typeof places

/** A core of a place. Its program has the name of the place. */
export const makeCore = (place: Place, core: FakeCore = {}): FakeCore => ({
  comm: place,
  content: toBytes(place),
  ...core,
  fields: { ...places[place], COREDUMP_ENVIRON: "SECRET=1", ...core.fields }
})

/** The source, limited to the permissions of `ann`. */
export const authorized = (options: Partial<AuthorizeOptions> = {}) =>
  Effect.gen(function*() {
    const source = yield* CoreSource
    return authorizeCoreSource(source, { principal: ann, authorizer: yield* Authorizer, ...options })
  })

/** Adds one core of each place. */
export const putAll = Effect.gen(function*() {
  const { put } = yield* FakeCores
  return {
    a: yield* put(makeCore("a", { pid: 1 })),
    b: yield* put(makeCore("b", { pid: 2 })),
    host: yield* put(makeCore("host", { pid: 3 })),
    pending: yield* put(makeCore("pending", { pid: 4 }))
  }
})

export const layers = (rules: ReadonlyArray<FakeRule> = []) =>
  Layer.merge(layerFakeCoreSource(), layerFakeAuthorizer(rules))

const verbs = ["list", "watch", "get"] as const

/** Permission to see the cores of pods, in one namespace or in all. */
export const viewer = (namespace?: string): FakeRule => ({
  verbs,
  resources: ["coredumps"],
  ...(namespace === undefined ? {} : { namespace })
})

/** Permission to see the cores of nodes. */
export const nodeViewer: FakeRule = { verbs, resources: ["nodecoredumps"] }
