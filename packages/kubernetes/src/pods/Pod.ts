import { Effect, Option, Schema } from "effect"

const Container = Schema.Struct({ name: Schema.String, image: Schema.optionalKey(Schema.String) })

const ContainerState = Schema.Struct({
  terminated: Schema.optionalKey(Schema.Struct({ containerID: Schema.optionalKey(Schema.String) }))
})

const ContainerStatus = Schema.Struct({
  name: Schema.String,
  containerID: Schema.optionalKey(Schema.String),
  image: Schema.optionalKey(Schema.String),
  imageID: Schema.optionalKey(Schema.String),
  state: Schema.optionalKey(ContainerState),
  lastState: Schema.optionalKey(ContainerState)
})

const containers = Schema.optionalKey(Schema.Array(Container))
const statuses = Schema.optionalKey(Schema.Array(ContainerStatus))

/** The fields of a pod that koredump uses. Decoding drops all others. */
export const Pod = Schema.Struct({
  metadata: Schema.Struct({
    name: Schema.String,
    namespace: Schema.String,
    uid: Schema.String,
    creationTimestamp: Schema.optionalKey(Schema.String),
    deletionTimestamp: Schema.optionalKey(Schema.String),
    labels: Schema.optionalKey(Schema.Struct({ "pod-template-hash": Schema.optionalKey(Schema.String) })),
    annotations: Schema.optionalKey(Schema.Struct({
      "kubernetes.io/config.hash": Schema.optionalKey(Schema.String),
      "kubernetes.io/config.mirror": Schema.optionalKey(Schema.String)
    })),
    ownerReferences: Schema.optionalKey(Schema.Array(Schema.Struct({
      kind: Schema.String,
      name: Schema.String,
      controller: Schema.optionalKey(Schema.Boolean)
    })))
  }),
  spec: Schema.Struct({
    nodeName: Schema.optionalKey(Schema.String),
    containers,
    initContainers: containers,
    ephemeralContainers: containers
  }),
  status: Schema.optionalKey(Schema.Struct({
    phase: Schema.optionalKey(Schema.String),
    podIP: Schema.optionalKey(Schema.String),
    conditions: Schema.optionalKey(Schema.Array(Schema.Struct({ type: Schema.String, status: Schema.String }))),
    containerStatuses: statuses,
    initContainerStatuses: statuses,
    ephemeralContainerStatuses: statuses
  }))
})
export type Pod = typeof Pod.Type

const decode = Schema.decodeUnknownOption(Pod)

/** Decodes a pod of a list or watch. None if the format is unexpected: one such pod must not hide the others. */
export type DecodePod = (object: unknown) => Effect.Effect<Option.Option<Pod>>

/** A decoder that logs the first pod with an unexpected format. */
export const makeDecodePod = (): DecodePod => {
  let isLogged = false
  return (object) => {
    const pod = decode(object)
    if (Option.isSome(pod) || isLogged) return Effect.succeed(pod)
    isLogged = true
    return Effect.as(Effect.logWarning("Pod skipped: unexpected format"), pod)
  }
}
