/** What the pods of the chart may do: permissions, mounts, credentials, and users. docs/security.md justifies each. */

interface Items {
  readonly items?: ReadonlyArray<{ readonly path: string }>
}
interface Volume {
  readonly name: string
  readonly hostPath?: { readonly path: string }
  readonly secret?: { readonly secretName: string } & Items
  readonly configMap?: { readonly name: string } & Items
  readonly projected?: {
    readonly sources: ReadonlyArray<{ readonly serviceAccountToken?: { readonly audience: string } }>
  }
}
interface Container {
  readonly name: string
  readonly volumeMounts?: ReadonlyArray<{ readonly name: string; readonly readOnly?: boolean }>
  readonly securityContext: {
    readonly runAsUser?: number
    readonly privileged?: boolean
    readonly allowPrivilegeEscalation?: boolean
    readonly readOnlyRootFilesystem?: boolean
    readonly capabilities?: { readonly add?: ReadonlyArray<string>; readonly drop?: ReadonlyArray<string> }
    readonly seccompProfile?: { readonly type: string }
    readonly seLinuxOptions?: { readonly type: string }
  }
}
interface PodSpec {
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken: boolean
  readonly hostPID?: boolean
  readonly hostNetwork?: boolean
  readonly hostIPC?: boolean
  readonly initContainers?: ReadonlyArray<Container>
  readonly containers: ReadonlyArray<Container>
  readonly volumes: ReadonlyArray<Volume>
}
interface Rule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly resourceNames?: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

/** The used fields of a manifest. */
export interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: PodSpec & { readonly template?: { readonly spec: PodSpec } }
  readonly rules?: ReadonlyArray<Rule>
  readonly roleRef?: { readonly kind: string; readonly name: string }
  readonly subjects?: ReadonlyArray<{ readonly name: string }>
}

const describeItems = ({ items }: Items) => ` (${items?.map(({ path }) => path).join(", ") ?? "all"})`

const describeVolume = ({ configMap, hostPath, name, projected, secret }: Volume, readOnly: boolean) => {
  const tokens = projected?.sources.flatMap(({ serviceAccountToken }) => serviceAccountToken?.audience ?? []) ?? []
  if (hostPath !== undefined) return `host path ${hostPath.path}, ${readOnly ? "read-only" : "writable"}`
  if (secret !== undefined) return `secret ${secret.secretName}${describeItems(secret)}`
  if (configMap !== undefined) return `config map ${configMap.name}${describeItems(configMap)}`
  return tokens.length > 0 ? `token for the audience ${tokens.join(", ")}` : `volume ${name}`
}

const describeContainer = ({ securityContext, volumeMounts = [] }: Container, volumes: ReadonlyArray<Volume>) => {
  const { allowPrivilegeEscalation, capabilities, privileged, readOnlyRootFilesystem, runAsUser, seccompProfile } =
    securityContext
  return [
    ...volumeMounts.map(({ name, readOnly }) =>
      describeVolume(volumes.find((volume) => volume.name === name) ?? { name }, readOnly === true)
    ),
    ...(capabilities?.add ?? []).map((capability) => `capability ${capability}`),
    ...(runAsUser === undefined ? [] : [`user ${runAsUser}`]),
    ...(securityContext.seLinuxOptions === undefined ? [] : [`SELinux type ${securityContext.seLinuxOptions.type}`]),
    ...(privileged === true ? ["privileged"] : []),
    // These are restrictions, so their absence is the right.
    ...(allowPrivilegeEscalation === false ? [] : ["privilege escalation"]),
    ...(readOnlyRootFilesystem === true ? [] : ["writable root file system"]),
    ...(capabilities?.drop?.includes("ALL") === true ? [] : ["default capabilities"]),
    ...(seccompProfile?.type === "RuntimeDefault" ? [] : ["no seccomp profile"])
  ]
}

const describePod = (spec: PodSpec): ReadonlyArray<string> => {
  const containers = [...spec.initContainers ?? [], ...spec.containers]
  const main = spec.containers[0]!.name
  return [
    ...containers.flatMap((container) =>
      describeContainer(container, spec.volumes).map((right) => `${container.name}: ${right}`)
    ),
    ...(spec.automountServiceAccountToken ? [`${main}: token of the service account for the Kubernetes API`] : []),
    ...(["hostPID", "hostNetwork", "hostIPC"] as const).filter((name) => spec[name] === true).map((name) =>
      `${main}: ${name}`
    )
  ]
}

const describeRule = ({ apiGroups, resourceNames = [], resources, verbs }: Rule, scope: string) =>
  resources.map((resource) =>
    `${verbs.join(", ")} ${[resource, ...apiGroups.filter((group) => group !== "")].join(".")}${
      resourceNames.length > 0 ? ` ${resourceNames.join(", ")}` : ""
    }${scope}`
  )

/** Lists the rights of all pods of a release, each as `CONTAINER: RIGHT`. */
export const listRights = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<string> => {
  const pods = manifests.flatMap(({ spec }) => spec?.template?.spec ?? (spec?.containers === undefined ? [] : spec))
  const rights = pods.flatMap(describePod)
  for (const { kind, roleRef, subjects } of manifests) {
    if (roleRef === undefined) continue
    const role = manifests.find((one) => one.kind === roleRef.kind && one.metadata.name === roleRef.name)
    if (role === undefined) throw new Error(`${roleRef.name} is not part of the chart`)
    for (const { name } of subjects ?? []) {
      const pod = pods.find(({ serviceAccountName }) => serviceAccountName === name)
      if (pod === undefined) throw new Error(`${name} has permissions, but no pod`)
      const scope = kind === "ClusterRoleBinding" ? "" : " in its own namespace"
      for (const right of role.rules!.flatMap((rule) => describeRule(rule, scope))) {
        rights.push(`${pod.containers[0]!.name}: ${right}`)
      }
    }
  }
  return [...new Set(rights)]
}
