/** Prepares the run: access to the Kubernetes API and, on the suite's own cluster, an installation of koredump. */
import type { TestProject } from "vitest/node"
import { people } from "./Access.ts"
import { install } from "./Koredump.ts"
import { kube, type KubeObject, serving, toPath } from "./Kube.ts"
import { objects } from "./listObjects.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** All objects in the cluster before the installation. */
    readonly before: ReadonlyArray<string>
  }
}

const rbac = "/apis/rbac.authorization.k8s.io/v1"

/** Cleans up a cluster that exists after the run. */
const cleanUp = async (): Promise<void> => {
  for (
    const [kind, plural] of [["ClusterRoleBinding", "clusterrolebindings"], ["ClusterRole", "clusterroles"]] as const
  ) {
    const { items } = await kube<{ readonly items: ReadonlyArray<KubeObject> }>("GET", `${rbac}/${plural}`)
    for (const { metadata } of items.filter(({ metadata }) => metadata.name.startsWith(`${people}-`))) {
      await kube("DELETE", toPath({ apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata }))
    }
  }
  const { items } = await kube<{ readonly items: ReadonlyArray<KubeObject> }>("GET", "/api/v1/namespaces")
  for (const { metadata } of items.filter(({ metadata }) => metadata.name.startsWith("koredump-e2e-"))) {
    await kube("DELETE", `/api/v1/namespaces/${metadata.name}`)
  }
}

export default async ({ provide }: TestProject) => {
  const proxy = await serving("proxy", "--port=0")
  process.env["KOREDUMP_KUBE_PROXY"] = proxy.url
  if (process.env["KOREDUMP_KUBE_NODES"] === "1") {
    provide("before", await objects())
    await install()
  }
  return async () => {
    if (process.env["KOREDUMP_KUBE_NODES"] !== "1") await cleanUp()
    await proxy[Symbol.asyncDispose]()
  }
}
