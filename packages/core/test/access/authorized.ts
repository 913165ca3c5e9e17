/** The fake source behind the decorator: cores of two namespaces, of the node, and of nobody knows whom. */
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

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Where a core belongs, and what it needs: `pending` the right to all namespaces, `host` that to nodes' cores. */
export const places = {
  a: { namespace: "a", pod: "web-0" },
  b: { namespace: "b", pod: "db-0" },
  host: { COREDUMP_CGROUP: "/system.slice/sshd.service" },
  pending: {}
} satisfies Record<string, Record<string, string>>

export type Place = keyof typeof places

/** A core that belongs there; its program has the name of the place. */
export const coreOf = (place: Place, core: FakeCore = {}): FakeCore => ({
  comm: place,
  content: bytesOf(place),
  ...core,
  fields: { ...places[place], COREDUMP_ENVIRON: "SECRET=1", ...core.fields }
})

/** The decorator for a principal, over what is provided. */
export const authorized = (options: Partial<AuthorizeOptions> = {}) =>
  Effect.gen(function*() {
    const source = yield* CoreSource
    return authorizeCoreSource(source, { principal: ann, authorizer: yield* Authorizer, ...options })
  })

/** Puts one core of each place. */
export const putAll = Effect.gen(function*() {
  const { put } = yield* FakeCores
  return {
    a: yield* put(coreOf("a", { pid: 1 })),
    b: yield* put(coreOf("b", { pid: 2 })),
    host: yield* put(coreOf("host", { pid: 3 })),
    pending: yield* put(coreOf("pending", { pid: 4 }))
  }
})

export const layers = (rules: ReadonlyArray<FakeRule> = []) =>
  Layer.merge(layerFakeCoreSource(), layerFakeAuthorizer(rules))

const verbs = ["list", "watch", "get"] as const

/** Rules as one writes them in Kubernetes. */
export const viewer = (namespace?: string): FakeRule => ({
  verbs,
  resources: ["coredumps"],
  ...(namespace === undefined ? {} : { namespace })
})
export const nodeViewer: FakeRule = { verbs, resources: ["nodecoredumps"] }
