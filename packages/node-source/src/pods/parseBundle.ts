/** What the configuration of a container, as its runtime was given it (OCI), says of its pod. Decisions only. */
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

/** The value that one of the runtimes wrote; none where both did, and differ: neither runtime writes that. */
const either = (crio: string | undefined, containerd: string | undefined, fits: (value: string) => boolean) => {
  const value = crio ?? containerd
  const agree = crio === undefined || containerd === undefined || crio === containerd
  return agree && value !== undefined && fits(value) ? value : undefined
}

/** The pod of a container by its `config.json`; nothing where it says nothing, or is of another pod. */
export const parseBundle = (json: string, cgroup: PodCgroup): PodIdentity => {
  const config = Option.getOrUndefined(decode(json))
  if (config === undefined) return {}
  const told = config.annotations
  const uid = either(told["io.kubernetes.pod.uid"], told["io.kubernetes.cri.sandbox-uid"], () => true)
  if (uid !== undefined && uid !== cgroup.podUid) return {}
  const namespace = either(told["io.kubernetes.pod.namespace"], told["io.kubernetes.cri.sandbox-namespace"], isLabel)
  const pod = either(told["io.kubernetes.pod.name"], told["io.kubernetes.cri.sandbox-name"], isPodName)
  if (namespace === undefined || pod === undefined) return {}
  // The pod's own container, which holds its namespaces, is none of those that the pod names.
  const type = told["io.kubernetes.cri-o.ContainerType"] ?? told["io.kubernetes.cri.container-type"]
  if (type === "sandbox") return { namespace, pod }
  const container = either(told["io.kubernetes.container.name"], told["io.kubernetes.cri.container-name"], isLabel)
  const image = either(told["io.kubernetes.cri-o.ImageName"], told["io.kubernetes.cri.image-name"], isImage)
  return {
    namespace,
    pod,
    ...(container === undefined ? {} : { container }),
    ...(image === undefined ? {} : { image_name: image })
  }
}
