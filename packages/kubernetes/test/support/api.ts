/** An API server that a test plays. */
import { Effect, Layer, Stream } from "effect"
import { KubeApi, KubeApiError } from "../../src/KubeApi.ts"

export const fakeApi = (parts: Partial<KubeApi["Service"]>) =>
  KubeApi.of({
    server: "https://api.example",
    namespace: "koredump",
    get: () => Effect.die("not asked for"),
    create: () => Effect.die("not asked for"),
    watch: () => Effect.die("not asked for"),
    ...parts
  })

export const layerFakeApi = (parts: Partial<KubeApi["Service"]>) => Layer.succeed(KubeApi, fakeApi(parts))

export const failing = (reason: KubeApiError["reason"]) => new KubeApiError({ reason, message: `it is ${reason}` })

export const page = (items: ReadonlyArray<unknown>, resourceVersion: string, next?: string) => ({
  kind: "PodList",
  apiVersion: "v1",
  metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
  items
})

/** An event that brings the pod in this version. */
export const event = (type: string, pod: { readonly metadata: object }, resourceVersion: string) => ({
  type,
  object: { ...pod, metadata: { ...pod.metadata, resourceVersion } }
})

export const bookmark = (resourceVersion: string) => ({ type: "BOOKMARK", object: { metadata: { resourceVersion } } })

/** Events, and then nothing more, as from a watch that goes on. */
export const staying = (...events: ReadonlyArray<unknown>) => Stream.concat(Stream.fromIterable(events), Stream.never)
