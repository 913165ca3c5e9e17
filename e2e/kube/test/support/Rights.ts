/** Rights one by one, as roles have them, and accounts that have all of a role but one. */
import { people, serviceAccount } from "./Access.ts"
import { apply, kube, type KubeObject } from "./Kube.ts"

interface PolicyRule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

/** One verb on one resource. */
export interface Right {
  readonly group: string
  readonly resource: string
  readonly verb: string
}

const rbac = "rbac.authorization.k8s.io"

/** The rights of a role that is in the cluster. */
export const rightsOf = async (name: string, namespace?: string): Promise<ReadonlyArray<Right>> => {
  const path = namespace === undefined ? "clusterroles" : `namespaces/${namespace}/roles`
  const { rules } = await kube<{ readonly rules: ReadonlyArray<PolicyRule> }>("GET", `/apis/${rbac}/v1/${path}/${name}`)
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb }))))
  )
}

/** As people say it: `watch coredumps`. */
export const textOf = ({ resource, verb }: Right): string => `${verb} ${resource}`

/** An account with these rights in all namespaces, or in one. */
export const accountWith = async (name: string, rights: ReadonlyArray<Right>, namespace?: string): Promise<void> => {
  const scope = namespace === undefined ? "Cluster" : ""
  const metadata = { name: `${people}-${name}`, ...(namespace === undefined ? {} : { namespace }) }
  const rules = rights.map(({ group, resource, verb }): PolicyRule => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb]
  }))
  const objects: ReadonlyArray<KubeObject> = [
    serviceAccount(people, name),
    { apiVersion: `${rbac}/v1`, kind: `${scope}Role`, metadata, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: `${scope}RoleBinding`,
      metadata,
      roleRef: { apiGroup: rbac, kind: `${scope}Role`, name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name, namespace: people }]
    }
  ]
  await apply(...objects)
}
