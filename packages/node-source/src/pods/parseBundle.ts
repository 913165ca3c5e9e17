/** Parses the configuration of a container (`config.json` of an OCI bundle). Pure functions. */
import type { PodCgroup, PodIdentity } from "@koredump/core"
import { Option, Schema } from "effect"
import { isLabel, isPodName } from "./podNames.ts"

const text = Schema.optionalKey(Schema.String)

const Config = Schema.fromJsonString(Schema.Struct({
  annotations: Schema.Struct({
    // CRI-O
    "io.kubernetes.pod.namespace": text,
    "io.kubernetes.pod.name": text,
    "io.kubernetes.pod.uid": text,
    "io.kubernetes.container.name": text,
    "io.kubernetes.cri-o.ContainerType": text,
    "io.kubernetes.cri-o.ImageName": text,
    // containerd
    "io.kubernetes.cri.sandbox-namespace": text,
    "io.kubernetes.cri.sandbox-name": text,
    "io.kubernetes.cri.sandbox-uid": text,
    "io.kubernetes.cri.container-name": text,
    "io.kubernetes.cri.container-type": text,
    "io.kubernetes.cri.image-name": text
  })
}))
const decode = Schema.decodeUnknownOption(Config)

const isImage = (name: string) => /^[!-~]{1,512}$/.test(name)

/** The valid value of CRI-O or containerd. Undefined if both exist and differ: no runtime writes such a file. */
const pick = (crio: string | undefined, containerd: string | undefined, isValid: (value: string) => boolean) => {
  const value = crio ?? containerd
  const isConsistent = crio === undefined || containerd === undefined || crio === containerd
  return isConsistent && value !== undefined && isValid(value) ? value : undefined
}

/** The pod identity in a `config.json`. Empty if the file is invalid, incomplete or belongs to another pod. */
export const parseBundle = (json: string, cgroup: PodCgroup): PodIdentity => {
  const config = Option.getOrUndefined(decode(json))
  if (config === undefined) return {}
  const { annotations } = config
  const uid = pick(annotations["io.kubernetes.pod.uid"], annotations["io.kubernetes.cri.sandbox-uid"], () => true)
  if (uid !== undefined && uid !== cgroup.podUid) return {}
  const namespace = pick(
    annotations["io.kubernetes.pod.namespace"],
    annotations["io.kubernetes.cri.sandbox-namespace"],
    isLabel
  )
  const pod = pick(annotations["io.kubernetes.pod.name"], annotations["io.kubernetes.cri.sandbox-name"], isPodName)
  if (namespace === undefined || pod === undefined) return {}
  // The sandbox container, which holds the Linux namespaces of the pod, is not a container of the pod specification.
  const type = annotations["io.kubernetes.cri-o.ContainerType"] ?? annotations["io.kubernetes.cri.container-type"]
  if (type === "sandbox") return { namespace, pod }
  const container = pick(
    annotations["io.kubernetes.container.name"],
    annotations["io.kubernetes.cri.container-name"],
    isLabel
  )
  const image = pick(annotations["io.kubernetes.cri-o.ImageName"], annotations["io.kubernetes.cri.image-name"], isImage)
  return {
    namespace,
    pod,
    ...(container === undefined ? {} : { container }),
    ...(image === undefined ? {} : { image_name: image })
  }
}
