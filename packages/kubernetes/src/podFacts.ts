/** What one pod, as the API server tells of it, says of the processes that run or ran in it. */
import type { PodIdentity } from "@koredump/core"
import type { Pod } from "./Pod.ts"

/** One incarnation of a container. */
export type ContainerFacts = Pick<PodIdentity, "container" | "image_name" | "image_id">

/** See the module's text. */
export interface PodFacts {
  /** The API's UID. */
  readonly uid: string
  /** The UID in the names of its cgroups. */
  readonly cgroupUid: string
  /**
   * Whether this stands in the API for a pod that the kubelet has from a file. Anybody who creates pods can claim that,
   * for any `cgroupUid`; the containers in its status are the kubelet's word.
   */
  readonly mirror: boolean
  readonly identity: Pick<PodIdentity, "namespace" | "pod" | "pod_uid" | "workload">
  /** By the runtime's id: those that the status names, running or ended. */
  readonly containers: ReadonlyMap<string, ContainerFacts>
}

type Status = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number]

/** `containerd://<id>` → `<id>` */
const idOf = (containerId: string | undefined): string | undefined =>
  /^[a-z0-9.+-]+:\/\/([0-9a-f]{64})$/.exec(containerId ?? "")?.[1]

/**
 * Longer than any image's or owner's real name. The API server takes owners' names of any length, a megabyte too, and
 * with such a one a pod's cores would be more than others can pass on.
 */
const maxText = 1024

const text = <Key extends string>(key: Key, value: string | undefined) =>
  value === undefined || value === "" || value.length > maxText
    ? {}
    : { [key]: value } as { readonly [K in Key]: string }

/** The workload that a pod belongs to, as far as its controller's reference alone tells: a CronJob's pod says its Job. */
export const workloadOf = ({ metadata }: Pod): string | undefined => {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
  // A static pod's owner is its node.
  if (owner === undefined || owner.kind === "Node") return undefined
  const hash = metadata.labels?.["pod-template-hash"] ?? ""
  return owner.kind === "ReplicaSet" && hash !== "" && owner.name.endsWith(`-${hash}`)
    ? `Deployment/${owner.name.slice(0, -hash.length - 1)}`
    : `${owner.kind}/${owner.name}`
}

/** See the module's text. */
export const factsOfPod = (pod: Pod): PodFacts => {
  const { metadata, spec, status } = pod
  const images = new Map(
    [...spec.containers ?? [], ...spec.initContainers ?? [], ...spec.ephemeralContainers ?? []]
      .map(({ image, name }) => [name, image])
  )
  const containers = new Map<string, ContainerFacts>()
  const add = (id: string | undefined, { image, name }: Status, imageId?: string) => {
    if (id === undefined || containers.has(id)) return
    containers.set(id, {
      container: name,
      // The status may name the image by its digest alone.
      ...text("image_name", images.get(name) ?? image),
      ...text("image_id", imageId)
    })
  }
  for (
    const one of [
      ...status?.containerStatuses ?? [],
      ...status?.initContainerStatuses ?? [],
      ...status?.ephemeralContainerStatuses ?? []
    ]
  ) {
    add(idOf(one.containerID), one, one.imageID)
    add(idOf(one.state?.terminated?.containerID), one, one.imageID)
    // The image's id is that of the container after it: the same name may mean another image by then.
    add(idOf(one.lastState?.terminated?.containerID), one)
  }
  const mirrored = metadata.annotations?.["kubernetes.io/config.mirror"]
  return {
    uid: metadata.uid,
    cgroupUid: mirrored === undefined
      ? metadata.uid
      : metadata.annotations?.["kubernetes.io/config.hash"] ?? mirrored,
    mirror: mirrored !== undefined,
    identity: {
      namespace: metadata.namespace,
      pod: metadata.name,
      pod_uid: metadata.uid,
      ...text("workload", workloadOf(pod))
    },
    containers
  }
}
