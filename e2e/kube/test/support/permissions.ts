/** Single permissions, and accounts with a set of permissions. */
import { people, serviceAccount } from "./Access.ts"
import { apply, kube, type KubeObject } from "./Kube.ts"

interface PolicyRule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

/** One verb on one resource. */
export interface Permission {
  readonly group: string
  readonly resource: string
  readonly verb: string
}

const rbac = "rbac.authorization.k8s.io"

/** Reads the permissions of a role in the cluster. */
export const readPermissions = async (name: string, namespace?: string): Promise<ReadonlyArray<Permission>> => {
  const path = namespace === undefined ? "clusterroles" : `namespaces/${namespace}/roles`
  const { rules } = await kube<{ readonly rules: ReadonlyArray<PolicyRule> }>("GET", `/apis/${rbac}/v1/${path}/${name}`)
  return rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb }))))
  )
}

/** Formats a permission, such as `watch coredumps`. */
export const formatPermission = ({ resource, verb }: Permission): string => `${verb} ${resource}`

/** Creates an account with these permissions, in one namespace or all. */
export const createAccount = async (
  name: string,
  permissions: ReadonlyArray<Permission>,
  namespace?: string
): Promise<void> => {
  const scope = namespace === undefined ? "Cluster" : ""
  const metadata = { name: `${people}-${name}`, ...(namespace === undefined ? {} : { namespace }) }
  const rules = permissions.map(({ group, resource, verb }): PolicyRule => ({
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
