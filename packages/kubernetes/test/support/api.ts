/** A fake Kubernetes API for tests. */
import { Effect, Layer, Stream } from "effect"
import { KubeApi, KubeApiError } from "../../src/api/KubeApi.ts"

export const fakeApi = (parts: Partial<KubeApi["Service"]>) =>
  KubeApi.of({
    server: "https://api.example",
    namespace: "koredump",
    get: () => Effect.die("unexpected request"),
    create: () => Effect.die("unexpected request"),
    watch: () => Effect.die("unexpected request"),
    ...parts
  })

export const layerFakeApi = (parts: Partial<KubeApi["Service"]>) => Layer.succeed(KubeApi, fakeApi(parts))

export const apiError = (reason: KubeApiError["reason"]) =>
  new KubeApiError({ reason, message: `The request is ${reason}.` })

export const page = (items: ReadonlyArray<unknown>, resourceVersion: string, next?: string) => ({
  kind: "PodList",
  apiVersion: "v1",
  metadata: { resourceVersion, ...(next === undefined ? {} : { continue: next }) },
  items
})

/** A watch event with the pod in this version. */
export const event = (type: string, pod: { readonly metadata: object }, resourceVersion: string) => ({
  type,
  object: { ...pod, metadata: { ...pod.metadata, resourceVersion } }
})

export const bookmark = (resourceVersion: string) => ({ type: "BOOKMARK", object: { metadata: { resourceVersion } } })

/** The events of a watch that stays open. */
export const openWatch = (...events: ReadonlyArray<unknown>) => Stream.concat(Stream.fromIterable(events), Stream.never)
