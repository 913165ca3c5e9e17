import type { PodIdentity } from "@koredump/core"
import type { Pod } from "./Pod.ts"

/** One container of a pod. A restart creates another one. */
export type ContainerInfo = Pick<PodIdentity, "container" | "image_name" | "image_id">

/** The parts of a pod that identify its processes. */
export interface PodInfo {
  /** The UID in the Kubernetes API. */
  readonly uid: string
  /** The UID in the names of its cgroups. */
  readonly cgroupUid: string
  /**
   * Whether the pod is the mirror of a static pod. Everybody who can create pods can claim this, with any `cgroupUid`, but
   * only the kubelet sets the containers in the status.
   */
  readonly isMirror: boolean
  readonly identity: Pick<PodIdentity, "namespace" | "pod" | "pod_uid" | "workload">
  /** The containers in the status, running or terminated, by container ID. */
  readonly containers: ReadonlyMap<string, ContainerInfo>
}

type ContainerStatus = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number]

/** `containerd://<id>` → `<id>` */
const parseContainerId = (containerId: string | undefined): string | undefined =>
  /^[a-z0-9.+-]+:\/\/([0-9a-f]{64})$/.exec(containerId ?? "")?.[1]

/**
 * Longer than any real name of an image or owner. The Kubernetes API accepts owner names of a megabyte, which would make
 * the summaries of the pod's cores too large.
 */
const maxTextLength = 1024

/** An object with the field, or without it if the value is missing, empty or too long. */
const toField = <Key extends string>(key: Key, value: string | undefined) =>
  value === undefined || value === "" || value.length > maxTextLength
    ? {}
    : { [key]: value } as { readonly [K in Key]: string }

/** The workload of a pod from its controller reference, `Kind/name`. For a pod of a CronJob, it is the Job. */
export const toWorkload = ({ metadata }: Pod): string | undefined => {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
  // The owner of a static pod is its node.
  if (owner === undefined || owner.kind === "Node") return undefined
  const hash = metadata.labels?.["pod-template-hash"] ?? ""
  return owner.kind === "ReplicaSet" && hash !== "" && owner.name.endsWith(`-${hash}`)
    ? `Deployment/${owner.name.slice(0, -hash.length - 1)}`
    : `${owner.kind}/${owner.name}`
}

const toContainers = ({ spec, status }: Pod): ReadonlyMap<string, ContainerInfo> => {
  const images = new Map(
    [...spec.containers ?? [], ...spec.initContainers ?? [], ...spec.ephemeralContainers ?? []]
      .map(({ image, name }) => [name, image])
  )
  const containers = new Map<string, ContainerInfo>()
  const add = (id: string | undefined, { image, name }: ContainerStatus, imageId?: string) => {
    if (id === undefined || containers.has(id)) return
    containers.set(id, {
      container: name,
      // The status may contain only the digest of the image.
      ...toField("image_name", images.get(name) ?? image),
      ...toField("image_id", imageId)
    })
  }
  for (
    const container of [
      ...status?.containerStatuses ?? [],
      ...status?.initContainerStatuses ?? [],
      ...status?.ephemeralContainerStatuses ?? []
    ]
  ) {
    add(parseContainerId(container.containerID), container, container.imageID)
    add(parseContainerId(container.state?.terminated?.containerID), container, container.imageID)
    // Without the image ID, which belongs to the next container: the image name may refer to another image by then.
    add(parseContainerId(container.lastState?.terminated?.containerID), container)
  }
  return containers
}

/** Converts a pod of the Kubernetes API. */
export const toPodInfo = (pod: Pod): PodInfo => {
  const { metadata } = pod
  const mirror = metadata.annotations?.["kubernetes.io/config.mirror"]
  return {
    uid: metadata.uid,
    cgroupUid: mirror === undefined
      ? metadata.uid
      : metadata.annotations?.["kubernetes.io/config.hash"] ?? mirror,
    isMirror: mirror !== undefined,
    identity: {
      namespace: metadata.namespace,
      pod: metadata.name,
      pod_uid: metadata.uid,
      ...toField("workload", toWorkload(pod))
    },
    containers: toContainers(pod)
  }
}
