/** Everything that a cluster has, by name. */
import { runKubectl } from "./Kube.ts"

/** `Kind/namespace/name` of each object of each kind that can be listed, but what merely tells of them. */
export const objects = async (): Promise<ReadonlyArray<string>> => {
  const kinds = (await runKubectl("api-resources", "--verbs=list", "-o", "name")).split("\n").filter((name) =>
    // The same as EndpointSlices; what the control plane thinks of itself; what it writes anew when it is restarted.
    name !== "" &&
    !/^(events|events\.events\.k8s\.io|endpoints|componentstatuses|leases\.coordination\.k8s\.io)$/.test(name)
  )
  const template = "{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}"
  const text = await runKubectl("get", kinds.join(","), "-A", "-o", `jsonpath=${template}`)
  return [...new Set(text.split("\n").filter(Boolean))]
}
