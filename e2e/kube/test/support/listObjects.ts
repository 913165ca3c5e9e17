/** Lists all objects of a cluster. */
import { runKubectl } from "./Kube.ts"

/** All objects as `Kind/namespace/name`, except those that only describe others, such as events. */
export const objects = async (): Promise<ReadonlyArray<string>> => {
  const kinds = (await runKubectl("api-resources", "--verbs=list", "-o", "name")).split("\n").filter((name) =>
    // Copies of EndpointSlices, the status of the control plane, and objects that a restart creates again.
    name !== "" &&
    !/^(events|events\.events\.k8s\.io|endpoints|componentstatuses|leases\.coordination\.k8s\.io)$/.test(name)
  )
  const template = "{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}"
  const text = await runKubectl("get", kinds.join(","), "-A", "-o", `jsonpath=${template}`)
  return [...new Set(text.split("\n").filter(Boolean))]
}
